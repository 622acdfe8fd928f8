import { z } from 'zod';
import { LIMITS } from '../../kernel/limits.ts';

/** Up to so many bytes in base64url. */
const bytes = (most: number) =>
  z
    .string()
    .min(1)
    .max(Math.ceil((most * 4) / 3))
    .regex(/^[\w-]+$/, 'must be base64url');

/** What a credential has in both ceremonies. What extensions have given is not read. */
const credential = {
  id: bytes(LIMITS.credentialIdBytes),
  rawId: bytes(LIMITS.credentialIdBytes),
  type: z.literal('public-key'),
  authenticatorAttachment: z.enum(['platform', 'cross-platform']).nullable().optional(),
  clientExtensionResults: z.record(z.string().max(64), z.unknown()).optional(),
};

/** `AuthenticationResponseJSON`: what `navigator.credentials.get` has given (WebAuthn Level 3 §5.1.1). */
export const assertion = z.strictObject({
  ...credential,
  response: z.strictObject({
    clientDataJSON: bytes(LIMITS.clientDataBytes),
    authenticatorData: bytes(LIMITS.authenticatorDataBytes),
    signature: bytes(LIMITS.signatureBytes),
    userHandle: bytes(LIMITS.userHandleBytes).nullable().optional(),
  }),
});

/** `RegistrationResponseJSON`: what `navigator.credentials.create` has given. What stands in it twice is read once. */
export const attestation = z.strictObject({
  ...credential,
  response: z.strictObject({
    clientDataJSON: bytes(LIMITS.clientDataBytes),
    attestationObject: bytes(LIMITS.attestationBytes),
    transports: z.array(z.string().max(20)).max(LIMITS.transports).optional(),
    authenticatorData: bytes(LIMITS.attestationBytes).optional(),
    publicKey: bytes(LIMITS.attestationBytes).nullable().optional(),
    publicKeyAlgorithm: z.int().optional(),
  }),
});

const listed = z.object({ id: z.string(), type: z.literal('public-key'), transports: z.array(z.string()).optional() });
const verification = z.enum(['required', 'preferred', 'discouraged']);

/** `PublicKeyCredentialRequestOptionsJSON` (WebAuthn Level 3 §5.1.9). */
export const requestOptions = z.object({
  challenge: z.string(),
  rpId: z.string(),
  timeout: z.int().describe('Milliseconds.'),
  allowCredentials: z.array(listed).optional(),
  userVerification: verification,
});

/** `PublicKeyCredentialCreationOptionsJSON` (WebAuthn Level 3 §5.1.8). */
export const creationOptions = z.object({
  rp: z.object({ id: z.string(), name: z.string() }),
  user: z.object({ id: z.string(), name: z.string(), displayName: z.string() }),
  challenge: z.string(),
  pubKeyCredParams: z.array(z.object({ type: z.literal('public-key'), alg: z.int() })),
  timeout: z.int().describe('Milliseconds.'),
  excludeCredentials: z.array(listed),
  authenticatorSelection: z.object({
    residentKey: verification,
    requireResidentKey: z.boolean(),
    userVerification: verification,
  }),
  attestation: z.literal('none'),
  extensions: z.object({ credProps: z.boolean() }),
});

const challenge = 'AZoXzkUAcAGAAAAAAAAAAQ';

export const exampleAssertion: z.input<typeof assertion> = {
  id: 'AZoXzkUA',
  rawId: 'AZoXzkUA',
  type: 'public-key',
  clientExtensionResults: {},
  response: {
    clientDataJSON: 'eyJ0eXBl',
    authenticatorData: 'SZYN5YgO',
    signature: 'MEUCIQDx',
    userHandle: 'AZoXzkUA',
  },
};

export const exampleAttestation: z.input<typeof attestation> = {
  id: 'AZoXzkUA',
  rawId: 'AZoXzkUA',
  type: 'public-key',
  clientExtensionResults: {},
  response: { clientDataJSON: 'eyJ0eXBl', attestationObject: 'o2NmbXRk', transports: ['internal'] },
};

export const exampleRequest: z.input<typeof requestOptions> = {
  challenge,
  rpId: 'id.example.com',
  timeout: 300_000,
  userVerification: 'required',
};

export const exampleCreation: z.input<typeof creationOptions> = {
  rp: { id: 'id.example.com', name: 'Acme' },
  user: { id: 'AZoXzkUAcAGAAAAAAAAAAQ', name: 'ann@example.com', displayName: 'Ann Lee' },
  challenge,
  pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
  timeout: 300_000,
  excludeCredentials: [],
  authenticatorSelection: { residentKey: 'preferred', requireResidentKey: false, userVerification: 'preferred' },
  attestation: 'none',
  extensions: { credProps: true },
};
