import { z } from 'zod';
import type { Schema } from '../contract.ts';
import { PERSONAL_DATA_SCHEMA, personalDataBody } from './privacy-body.ts';

/**
 * What a copy of somebody's data looks like, as JSON Schema (`docs/privacy-export.schema.json`). A copy may have fields
 * that are not in it: readers pass over them.
 */
export const PRIVACY_EXPORT: Schema = {
  name: 'privacy-export',
  schema: {
    ...z.toJSONSchema(personalDataBody, {
      override({ jsonSchema }) {
        if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
      },
    }),
    $id: PERSONAL_DATA_SCHEMA,
    title: 'A copy of a person’s data at Gatehouse',
    description: 'What `GET /api/v1/me/export` gives. docs/privacy.md explains it.',
  },
};
