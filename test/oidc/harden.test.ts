import { expect } from 'chai';
import type { Provider } from 'oidc-provider';
import { isUuid, newId } from '../../src/kernel/ids.ts';
import type { Issuer } from '../../src/oidc/issuers.ts';
import { decodeRefreshValue } from '../../src/oidc/refresh-value.ts';
import { aSite, type Site, startNode, type TestNode } from '../support/node.ts';

// biome-ignore lint/suspicious/noExplicitAny: what the core does not type is what these tests are about
type Untyped = any;

/** What src/oidc/harden.ts leans on in the core, name by name: an upgrade that renames or rebuilds it fails here. */
describe('the patches of the core', () => {
  let node: TestNode;
  let site: Site;
  let issuer: Issuer;
  let provider: Provider;
  before(async () => {
    node = await startNode();
    site = await aSite(node);
    issuer = (await node.core.issuers.byTenant(site.tenantId)) as Issuer;
    provider = issuer.provider;
  });
  after(() => node.stop());

  const inScope = <T>(work: () => Promise<T>) => node.core.issuers.inScope(issuer, work);
  const aContext = (headers: Record<string, string> = {}, url = '/') =>
    provider.createContext(
      { headers: { host: 'evil.test', ...headers }, url, socket: {} } as never,
      { setHeader() {}, getHeader() {} } as never,
    );

  it('find the methods they replace', () => {
    const names: [string, Untyped, string[]][] = [
      ['OIDCContext', provider.OIDCContext.prototype, ['urlFor', 'entity']],
      ['Session', provider.Session.prototype, ['save', 'persist', 'resetIdentifier']],
      ['Session', provider.Session, ['instantiate']],
      ['Client', provider.Client.prototype, ['compareClientSecret', 'backchannelLogout', 'metadata']],
      ['Client', provider.Client, ['find', 'validate', 'needsSecret']],
      ['RefreshToken', provider.RefreshToken.prototype, ['generateTokenId']],
      ['ReplayDetection', provider.ReplayDetection, ['unique']],
      ['IdToken', provider.IdToken, ['validate']],
    ];
    for (const [model, holder, methods] of names)
      for (const method of methods) expect(holder[method], `${model}.${method}`).to.be.a('function');
  });

  it('take every URL from the issuer', () => {
    const oidc = new provider.OIDCContext(aContext() as never);
    expect(oidc.urlFor('token')).to.equal(`${site.issuer}/oauth/token`);
    expect(oidc.urlFor('end_session_confirm')).to.equal(`${site.issuer}/oauth/logout/confirm`);
    expect(oidc.urlFor('code_verification', { query: { user_code: 'X' } } as never)).to.equal(
      `${site.issuer}/device?user_code=X`,
    );
  });

  it('keep a session’s row when its cookie value changes', async () => {
    const uid = await inScope(async () => {
      const session = new provider.Session() as Untyped;
      session.loginAccount({ accountId: site.user, loginTs: Math.floor(Date.now() / 1000) });
      await session.save(600);
      return session.uid as string;
    });
    const rowOf = () =>
      node.house.db('oidc_session').where({ tenant_id: site.tenantId, uid }).first('created_at', 'id_hash');
    const before = await rowOf();
    await inScope(async () => {
      const session = (await provider.Session.findByUid(uid)) as Untyped;
      session.resetIdentifier();
      expect(session.oldId, 'what the core would remove').to.be.a('string');
      await session.save(600);
    });
    const after = await rowOf();
    expect(after.created_at).to.deep.equal(before.created_at);
    expect(after.id_hash).to.not.deep.equal(before.id_hash);
  });

  it('name sessions by UUIDs, and do not keep one that was never saved', async () => {
    const session = (provider.Session as Untyped).instantiate();
    expect(isUuid(session.uid)).to.equal(true);
    expect((provider.Session as Untyped).instantiate({ uid: 'known' }).uid).to.equal('known');
    expect(await session.persist()).to.equal(undefined);
  });

  it('compare secrets with hashes, several of which may be good', async () => {
    await node.house.services.clients.addSecret(site.call, 'web', 'second-secret-second-secret-second');
    const client = (await inScope(() => provider.Client.find('web'))) as Untyped;
    for (const secret of ['web-secret-web-secret-web-secret-32'])
      expect(await client.compareClientSecret(secret)).to.equal(true);
    for (const secret of ['', 'wrong', client.clientSecret, String(client.clientSecret).split(' ')[0]])
      expect(await client.compareClientSecret(secret)).to.equal(false);
  });

  it('give one instance for one version of a client', async () => {
    const [first, again] = await inScope(() => Promise.all([provider.Client.find('web'), provider.Client.find('web')]));
    expect(first).to.equal(again);
    expect(await inScope(() => provider.Client.find('nobody'))).to.equal(undefined);
    expect(await inScope(() => provider.Client.find(undefined as never))).to.equal(undefined);
  });

  it('begin values with what they are', async () => {
    const prefixes = {
      AuthorizationCode: 'ghc_',
      DeviceCode: 'ghd_',
      RegistrationAccessToken: 'ghg_',
      InitialAccessToken: 'ghi_',
      AccessToken: 'gha_',
      ClientCredentials: 'ghm_',
    } as const;
    for (const [model, prefix] of Object.entries(prefixes)) {
      const token = new (provider as Untyped)[model]();
      expect(token.generateTokenId(), model).to.match(new RegExp(`^${prefix}`));
    }
    const { keyFor } = issuer.tenant;
    const refresh = (provider.RefreshToken.prototype as Untyped).generateTokenId();
    expect(decodeRefreshValue(keyFor('refresh-chain'), refresh)).to.include({ generation: 0 });
  });

  it('remember one-time values in one statement: of many at once, one is first', async () => {
    const { unique } = provider.ReplayDetection as Untyped;
    const until = Math.floor(Date.now() / 1000) + 60;
    const jti = newId();
    const answers = await inScope(() => Promise.all(Array.from({ length: 10 }, () => unique('web', jti, until))));
    expect(answers.filter(Boolean)).to.have.length(1);
  });

  it('send no back-channel logout: the end of the session owes it', async () => {
    await inScope(async () => {
      const client = (await provider.Client.find('web')) as Untyped;
      await client.backchannelLogout(site.user, 'sid');
    });
    expect(await node.house.db('outbox').where({ tenant_id: site.tenantId }).pluck('payload')).to.deep.equal([]);
  });

  it('see the client before its secret is looked at', () => {
    const known = (url: string, network: string) => {
      const ctx = aContext({}, url) as Untyped;
      ctx.state = { origin: { ip: '203.0.113.1' } };
      const oidc = new provider.OIDCContext(ctx) as Untyped;
      return () => oidc.entity('Client', { clientId: 'x', allowed_ips: [network] });
    };
    expect(known('/oauth/token', '10.0.0.0/8')).to.throw(/invalid_client/);
    expect(known('/oauth/token', '203.0.113.0/24')).to.not.throw();
    expect(known('/oauth/authorize', '10.0.0.0/8'), 'where a person comes').to.not.throw();
  });
});
