import { DEFAULT_SETTINGS, OPERATOR_SETTINGS } from '../../domain/tenants/settings.ts';
import { versionOfSettings } from '../../domain/tenants/tenant.ts';
import { Failure } from '../../kernel/failure.ts';
import { operation } from '../operation.ts';
import { presentSettings, settingsBody, settingsChange } from './settings-body.ts';
import { assertForOperators, callAt, exampleTenant, tenantId } from './tenant-body.ts';

const one = { params: { id: exampleTenant.id } };
const exampleSettings = presentSettings(DEFAULT_SETTINGS);

export const tenantSettings = operation({
  method: 'GET',
  path: '/api/v1/tenants/:id/settings',
  summary: 'See the settings of a tenant',
  description:
    'All of them as they count, with the defaults where the tenant has set nothing. Secrets are never shown; `hasPassword`, `hasSecret` and `hasCaptchaSecret` say whether there is one.',
  access: 'tenant-admin',
  params: tenantId,
  answers: { 200: settingsBody },
  failures: ['tenant_not_found'],
  versioned: true,
  example: { ...one, answer: exampleSettings },
  async handle({ call, params, answer }, { tenants }) {
    const tenant = await tenants.get(callAt(call, params.id), params.id);
    return answer(200, presentSettings(tenant.settings), { version: versionOfSettings(tenant) });
  },
});

export const updateTenantSettings = operation({
  method: 'PATCH',
  path: '/api/v1/tenants/:id/settings',
  summary: 'Change the settings of a tenant',
  description: `What is left out stays, in groups too; null goes back to the default. All nodes obey at once. Secrets (\`smtp.password\`, \`sms.secret\`, \`registration.captchaSecret\`) are sealed for the server or service that they belong to: with another one, they have to be given anew. ${OPERATOR_SETTINGS.map((name) => `\`${name}\``).join(', ')} are for operators: 403 for anybody else, and so are all settings of the platform tenant. \`maxUsers\` below the number of users there are lets nobody in any more, and removes nobody.`,
  access: 'tenant-admin',
  params: tenantId,
  body: settingsChange,
  answers: { 200: settingsBody },
  failures: ['tenant_not_found', 'privilege_escalation'],
  versioned: true,
  example: { ...one, body: { locale: 'fr', password: { minLength: 12 } }, answer: exampleSettings },
  async handle({ call, params, body, expected, answer }, { tenants }) {
    const at = callAt(call, params.id);
    assertForOperators(call, body, OPERATOR_SETTINGS);
    const tenant = await tenants.updateSettings(at, body, expected).catch(asFieldOfBody);
    return answer(200, presentSettings(tenant.settings), { version: versionOfSettings(tenant) });
  },
});

/** The domain names settings as a tenant's; here they are the body. */
function asFieldOfBody(error: unknown): never {
  if (!(error instanceof Failure) || typeof error.details['field'] !== 'string') throw error;
  throw new Failure(error.code, { ...error.details, field: error.details['field'].replace(/^settings\./, '') });
}
