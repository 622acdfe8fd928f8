import { expect } from 'chai';
import type { ClientDraft } from '../../../src/domain/clients/client.ts';
import { checkedClient, kindOfRegistered } from '../../../src/domain/clients/client-rules.ts';
import { redirectUriProblem } from '../../../src/domain/clients/redirect-uri.ts';
import { Failure } from '../../../src/kernel/failure.ts';

const web = { clientId: 'web', kind: 'web', redirectUris: ['https://app.example/cb'] } as const;

/** The field that is wrong, or what the client became. */
const refusalOf = (draft: object): unknown => {
  try {
    checkedClient({ ...web, ...draft } as ClientDraft);
    return 'accepted';
  } catch (error) {
    return error instanceof Failure ? error.details['field'] : error;
  }
};

describe('a client of each kind', () => {
  const metadataOf = (draft: Partial<ClientDraft>) => checkedClient({ ...web, ...draft }).metadata;

  it('has sane defaults', () => {
    expect(metadataOf({})).to.include({ application_type: 'web', token_endpoint_auth_method: 'client_secret_basic' });
    expect(metadataOf({ kind: 'spa' })).to.deep.include({
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    });
    expect(metadataOf({ kind: 'native' })).to.include({
      application_type: 'native',
      token_endpoint_auth_method: 'none',
    });
    expect(metadataOf({ kind: 'service', redirectUris: [] })).to.deep.include({
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    });
    expect(metadataOf({ kind: 'partner', redirectUris: [] })).to.deep.include({ grant_types: ['client_credentials'] });
  });

  it('proves itself by keys where it has some', () => {
    expect(metadataOf({ jwksUri: 'https://app.example/jwks' })).to.include({
      token_endpoint_auth_method: 'private_key_jwt',
    });
    expect(metadataOf({ jwks: { keys: [] }, tokenEndpointAuthMethod: 'self_signed_tls_client_auth' })).to.include({
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
    });
  });

  it('of a browser may be called from where it is redirected to', () => {
    const { allowedOrigins } = checkedClient({
      ...web,
      kind: 'spa',
      redirectUris: ['https://a.example/1', 'https://a.example/2', 'http://localhost:4001/cb'],
    });
    expect(allowedOrigins).to.deep.equal(['https://a.example', 'http://localhost:4001']);
  });

  it('with the FAPI 2.0 profile has all that the profile asks for', () => {
    expect(metadataOf({ profile: 'fapi2', jwksUri: 'https://app.example/jwks' })).to.include({
      require_pushed_authorization_requests: true,
      dpop_bound_access_tokens: true,
    });
    expect(refusalOf({ profile: 'fapi2' })).to.equal('profile');
    expect(refusalOf({ profile: 'fapi2', jwksUri: 'https://app.example/jwks', pkceRequired: false })).to.equal(
      'pkceRequired',
    );
  });
});

describe('a client is refused', () => {
  it('when it could use a grant that its kind must not', () => {
    for (const [kind, grant] of [
      ['spa', 'client_credentials'],
      ['spa', 'urn:ietf:params:oauth:grant-type:device_code'],
      ['native', 'client_credentials'],
      ['service', 'authorization_code'],
      ['web', 'implicit'],
      ['web', 'password'],
      ['web', 'urn:gatehouse:params:oauth:grant-type:first-party'],
    ]) {
      expect(refusalOf({ kind, grantTypes: [grant] }), `${kind} ${grant}`).to.equal('grantTypes');
    }
    expect(refusalOf({ grantTypes: [] })).to.equal('grantTypes');
    expect(refusalOf({ kind: 'web', grantTypes: ['client_credentials', 'refresh_token'] })).to.equal('grantTypes');
    expect(refusalOf({ responseTypes: ['token'] })).to.equal('responseTypes');
    expect(refusalOf({ responseTypes: ['code', 'code id_token'] })).to.equal('responseTypes');
  });

  it('when it says of itself what it cannot be', () => {
    expect(refusalOf({ kind: 'spa', tokenEndpointAuthMethod: 'client_secret_basic' })).to.equal(
      'tokenEndpointAuthMethod',
    );
    expect(refusalOf({ kind: 'web', tokenEndpointAuthMethod: 'none' })).to.equal('tokenEndpointAuthMethod');
    expect(refusalOf({ kind: 'spa', pkceRequired: false })).to.equal('pkceRequired');
    expect(refusalOf({ redirectUris: [] })).to.equal('redirectUris');
  });

  it('when a value has no sound form', () => {
    for (const clientId of ['', 'a b', 'a:b', 'é', 'x'.repeat(129), 'gatehouse', 'Gatehouse-account'])
      expect(refusalOf({ clientId }), clientId).to.equal('clientId');
    for (const name of ['', 'a\nb', ' a', 'x'.repeat(101)]) expect(refusalOf({ name })).to.equal('name');
    for (const origin of [
      'https://a.example/',
      'https://a.example/x',
      '*',
      'null',
      'http://a.example',
      'https://A.example',
    ]) {
      expect(refusalOf({ allowedOrigins: [origin] }), origin).to.equal('allowedOrigins');
    }
    for (const ip of ['1.2.3', '1.2.3.4/33', '::1/129', '1.2.3.4/8/8', 'a.example', 'fe80::1%eth0', '1.2.3.4/'])
      expect(refusalOf({ allowedIps: [ip] }), ip).to.equal('allowedIps');
    for (const rateLimitPerMinute of [0, -1, 1_000_001, 1.5, Number.NaN])
      expect(refusalOf({ rateLimitPerMinute })).to.equal('rateLimitPerMinute');
    for (const scope of ['', 'a b', '"']) expect(refusalOf({ scopes: [scope] })).to.equal('scopes');
    for (const backchannelLogoutUri of ['http://a.example/x', 'https://a.example/#x', 'javascript:1']) {
      expect(refusalOf({ backchannelLogoutUri }), backchannelLogoutUri).to.equal('backchannel_logout_uri');
    }
    expect(refusalOf({ redirectUris: Array.from({ length: 51 }, (_, n) => `https://app.example/${n}`) })).to.equal(
      'redirectUris',
    );
    expect(
      refusalOf({ allowedIps: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.1'], rateLimitPerMinute: 1_000_000 }),
    ).to.equal('accepted');
  });
});

describe('a redirect URI', () => {
  const GOOD_FOR_ALL = [
    'https://app.example/cb',
    'https://app.example/cb?x=1',
    'http://localhost:4000/cb',
    'http://127.0.0.1/cb',
    'http://[::1]:8/cb',
    'https://xn--bcher-kva.example/',
  ];
  const NATIVE_ONLY = ['com.example.app:/cb', 'com.example.app://cb'];
  const BAD = [
    'https://app.example/cb#x',
    'https://app.example/cb#',
    'https://*.example/cb',
    'https://app.example/*',
    'https://good.example@evil.example/',
    'https://app.example\\@evil.example/',
    'https://app.example/a/../b',
    'https://app.example/%2e%2e/b',
    'https://app.example/\tcb',
    'https://app.example/c b',
    'https://bücher.example/',
    'http://app.example/cb',
    'http://localhost.evil.example/cb',
    '//app.example/cb',
    '/cb',
    'app.example/cb',
    'myapp:/cb',
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    '',
    `https://app.example/${'x'.repeat(2_048)}`,
  ];

  it('is https, or of this machine', () => {
    for (const uri of GOOD_FOR_ALL) expect(redirectUriProblem(uri, { native: false }), uri).to.equal(undefined);
    for (const uri of [...BAD, ...NATIVE_ONLY])
      expect(redirectUriProblem(uri, { native: false }), uri).to.be.a('string');
  });

  it('of an app on a device may also have a domain name backwards as its scheme (RFC 8252 §7.1)', () => {
    for (const uri of [...GOOD_FOR_ALL, ...NATIVE_ONLY])
      expect(redirectUriProblem(uri, { native: true }), uri).to.equal(undefined);
    for (const uri of BAD) expect(redirectUriProblem(uri, { native: true }), uri).to.be.a('string');
  });
});

describe('a client that registered itself', () => {
  it('is of the kind that its metadata speaks of', () => {
    expect(kindOfRegistered({ application_type: 'native' })).to.equal('native');
    expect(kindOfRegistered({ token_endpoint_auth_method: 'none' })).to.equal('spa');
    expect(kindOfRegistered({ grant_types: ['client_credentials'] })).to.equal('service');
    expect(kindOfRegistered({})).to.equal('web');
  });
});
