import { createRequire } from 'node:module';
import { expect } from 'chai';
import { Provider } from 'oidc-provider';
import {
  applyRefreshTokenBindings,
  buildTokenResponse,
  resolveAndApplyResource,
} from '../../src/oidc/oidc-internals.ts';

const require = createRequire(import.meta.url);

/** What we count on that the core does not promise. Its version is pinned; this is the alarm of an upgrade. */
describe('the insides of the core', () => {
  it('are of the version that was read', () => {
    const { dependencies } = require('../../package.json') as { dependencies: Record<string, string> };
    expect(dependencies['oidc-provider']).to.equal('9.13.3');
    expect(require('oidc-provider/package.json')).to.include({ version: '9.13.3' });
  });

  it('have the helpers of grants, the provider being the first parameter', () => {
    expect(applyRefreshTokenBindings).to.be.a('function').with.lengthOf(4);
    expect(buildTokenResponse).to.be.a('function').with.lengthOf(1);
    expect(resolveAndApplyResource).to.be.a('function').with.lengthOf(6);
  });

  it('build an answer of the token endpoint of what they are given', () => {
    const provider = new Provider('https://id.test');
    const body = buildTokenResponse(provider, {
      accessToken: 'a',
      expiresIn: 60,
      refreshToken: 'r',
      scope: 's',
      tokenType: 'Bearer',
    } as never);
    expect(body).to.deep.include({
      access_token: 'a',
      expires_in: 60,
      refresh_token: 'r',
      scope: 's',
      token_type: 'Bearer',
    });
  });

  it('refuse a feature whose draft has moved on', () => {
    const make = (ack: string) => () =>
      new Provider('https://id.test', { features: { externalSigningSupport: { enabled: true, ack } } } as never);
    expect(make('experimental-01')).to.not.throw();
    expect(make('experimental-00')).to.throw();
  });

  it('check further parameters by the names of those they know themselves (parameter-rules.ts)', () => {
    const make = () => new Provider('https://id.test', { extraParams: { async max_age() {} } } as never);
    expect(make).to.not.throw();
  });

  it('answer another spelling of a path, which is why issuers.ts looks at it first', async () => {
    const provider = new Provider('https://id.test');
    const server = provider.listen(0);
    try {
      const { port } = server.address() as { port: number };
      const answer = await fetch(`http://127.0.0.1:${port}/JWKS/`);
      expect(answer.status).to.equal(200);
    } finally {
      server.close();
    }
  });
});
