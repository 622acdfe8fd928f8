import { expect } from 'chai';
import { headingOf, linkOf, noteOf, servingAccounts } from '../support/account.ts';
import { aBrowser } from '../support/browser.ts';
import { WEB } from '../support/node.ts';
import { authorizeUrl, introspect, isLogin, someTokens } from '../support/oauth.ts';

const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:146.0) Gecko/20100101 Firefox/146.0';
const SAFARI =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15';

describe('the sign-ins of the account', () => {
  const { node, site, enter } = servingAccounts();

  async function twoPlaces() {
    const its = await site({ clients: [{ ...WEB, name: 'Harbour Books' }] });
    const there = await someTokens(node(), its);
    const here = await enter(its, aBrowser(node(), { userAgent: SAFARI }));
    const other = await enter(its, aBrowser(node(), { userAgent: FIREFOX }));
    return { its, there, here, other };
  }

  it('are shown with place, browser and applications, this one first', async () => {
    const { here, its } = await twoPlaces();
    const page = await here.open('/sessions');
    const rows = [...page.html.matchAll(/<div class="what">([\s\S]*?)<\/div>/g)].map(([, row]) =>
      row!
        .replace(/<[^>]*>/g, ' ')
        .replace(/\s+/g, ' ')
        .trim(),
    );
    expect(rows).to.have.length(3);
    expect(rows[0]).to.match(/^Safari on macOS This browser Network address \S+ Signed in .* Last active /);
    expect(rows.filter((row) => row.includes('This browser'))).to.have.length(1);
    expect(rows.some((row) => row.startsWith('Firefox on Windows Network address'))).to.equal(true);
    expect(rows.some((row) => row.includes('Used for Harbour Books'))).to.equal(true);
    const [own] = await node().house.services.sessions.list(its.call, its.user);
    expect(page.html).to.include(own!.id).and.not.include('gatehouse-account,');
  });

  it('are told of when they are new', async () => {
    const { here } = await twoPlaces();
    const page = await here.open();
    expect(page.html).to.match(/New sign-in: Firefox on Windows/);
    expect(headingOf(await here.browser.go(linkOf(page, /Look at your sign-ins/)))).to.equal('Where you are signed in');
  });

  it('are ended one by one after a question: there the page and the tokens end at once', async () => {
    const { here, other, there, its } = await twoPlaces();
    const page = await here.open('/sessions');
    const question = await here.browser.go(linkOf(page, /Sign out · Firefox on Windows/));
    expect([headingOf(question), question.html.includes('Firefox on Windows will have')]).to.deep.equal([
      'Sign out there?',
      true,
    ]);
    expect(isLogin(await other.open()), 'looking ends nothing').to.equal(false);
    const done = await here.browser.submit(question, {});
    expect([noteOf(done), headingOf(done)]).to.deep.equal(['It is signed out there.', 'Where you are signed in']);
    expect(isLogin(await other.open())).to.equal(true);
    expect((await introspect(node(), its, there.access_token)).body.active, 'the others go on').to.equal(true);
    const twice = await here.browser.submit(question, {});
    expect(noteOf(twice)).to.equal('That was no longer there.');
  });

  it('are ended all but this one', async () => {
    const { here, other, there, its } = await twoPlaces();
    const question = await here.browser.go(linkOf(await here.open('/sessions'), /Sign out everywhere else/));
    const done = await here.browser.submit(question, {});
    expect(noteOf(done)).to.equal('You are signed out everywhere else.');
    expect(isLogin(await other.open())).to.equal(true);
    expect((await introspect(node(), its, there.access_token)).body.active).to.equal(false);
    expect((await there.browser.go(authorizeUrl(its, { prompt: 'none' }))).url.searchParams.get('error')).to.equal(
      'login_required',
    );
    expect(await node().house.services.sessions.list(its.call, its.user)).to.have.length(1);
    expect(done.html).not.to.include('Sign out everywhere else');
  });

  it('of this very browser end at the logout of the house', async () => {
    const { here, its } = await twoPlaces();
    const page = await here.open('/sessions');
    expect(linkOf(page, /Sign out · This browser/).pathname).to.equal(`/t/${its.slug}/oauth/logout`);
    const sessions = await node().house.services.sessions.list(its.call, its.user);
    const own = sessions.find(({ userAgent }) => userAgent === SAFARI);
    expect((await here.open(`/sessions/${own!.id}`)).status).to.equal(404);
  });

  it('of somebody else are not there', async () => {
    const { here, its } = await twoPlaces();
    const foreign = await twoPlaces();
    const [session] = await node().house.services.sessions.list(foreign.its.call, foreign.its.user);
    const bob = await node().house.services.users.create(its.call, {
      email: `bob@${its.slug}.test`,
      status: 'active',
      password: 'correct horse battery staple',
    });
    await enter({ ...its, email: bob.email }, aBrowser(node()));
    const [ofBob] = await node().house.services.sessions.list(its.call, bob.id);
    const csrf = /name="csrf" value="([^"]+)"/.exec((await here.open('/profile')).html)![1]!;
    for (const id of [session!.id, ofBob!.id, 'x', "' or true --", '..%2f..']) {
      const path = `${its.issuer}/account/sessions/${encodeURIComponent(id)}`;
      expect((await here.browser.go(path)).status, id).to.equal(404);
      expect(noteOf(await here.browser.go(path, { csrf })), id).to.equal('That was no longer there.');
    }
    expect(await node().house.services.sessions.list(its.call, bob.id)).to.have.length(1);
    expect(await node().house.services.sessions.list(foreign.its.call, foreign.its.user)).to.have.length(3);
  });
});

describe('the applications of the account', () => {
  const { node, site, enter } = servingAccounts();
  const THIRD = { ...WEB, clientId: 'third', name: 'Third <b>Party', firstParty: false };

  async function withApplications() {
    const its = await site({ clients: [{ ...WEB, name: 'Harbour Books' }, THIRD] });
    const tokens = await someTokens(node(), its, { scope: 'openid email' });
    await tokens.browser.submit(await tokens.browser.go(authorizeUrl(its, { client_id: 'third' })), {
      action: 'allow',
    });
    return { its, tokens, ...(await enter(its)) };
  }

  it('are shown with what they may do, and none of our own', async () => {
    const { open } = await withApplications();
    const { html } = await open('/applications');
    expect(html).to.include('Harbour Books').and.include('See your e-mail address').and.include('Part of Tenant');
    expect(html).to.include('Third &lt;b&gt;Party').and.not.include('<b>Party').and.not.include('gatehouse-account"');
    expect(html.match(/<div class="what">/g)).to.have.length(2);
  });

  it('lose what they had after a question, at once; the person stays signed in', async () => {
    const { its, tokens, browser, open } = await withApplications();
    const question = await browser.go(linkOf(await open('/applications'), /Remove · Harbour Books/));
    expect(headingOf(question)).to.equal('Remove Harbour Books?');
    expect((await introspect(node(), its, tokens.access_token)).body.active, 'looking ends nothing').to.equal(true);
    const done = await browser.submit(question, {});
    expect(noteOf(done)).to.equal('The application has no access any more.');
    expect([done.html.includes('Harbour Books'), done.html.includes('Third')]).to.deep.equal([false, true]);
    expect((await introspect(node(), its, tokens.access_token)).body).to.deep.equal({ active: false });
    expect(isLogin(await tokens.browser.go(`${its.issuer}/account`))).to.equal(false);
    const twice = await browser.submit(question, {});
    expect(noteOf(twice)).to.equal('That was no longer there.');
  });

  it('asks the person again when it comes back', async () => {
    const { its, tokens, browser, open } = await withApplications();
    await browser.submit(await browser.go(linkOf(await open('/applications'), /Remove · Third/)), {});
    const asked = await tokens.browser.go(authorizeUrl(its, { client_id: 'third' }));
    expect(asked.html).to.include('value="allow"');
  });

  it('that were never allowed anything are not there, nor those of the house', async () => {
    const { its, browser, open } = await withApplications();
    const csrf = /name="csrf" value="([^"]+)"/.exec((await open('/profile')).html)![1]!;
    for (const id of ['none', 'gatehouse-account', 'gatehouse', '%00', '%ff', 'x'.repeat(401)]) {
      const path = `${its.issuer}/account/applications/${id}`;
      expect((await browser.go(path)).status, id).to.be.oneOf([404, 400]);
      const sent = await browser.go(path, { csrf });
      expect(sent.status === 200 ? noteOf(sent) : sent.status, id).to.be.oneOf(['That was no longer there.', 404, 400]);
    }
    expect((await open()).status).to.equal(200);
  });
});
