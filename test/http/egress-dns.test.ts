import { expect } from 'chai';
import { createTextResolver } from '../../src/http/egress-dns.ts';
import { newId } from '../../src/kernel/ids.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { answerTexts, dnsServer } from '../support/dns-server.ts';

describe('texts of the DNS', function () {
  this.timeout(30_000);
  const aName = () => `_gatehouse.${newId()}.example`;
  let resolve: ReturnType<typeof createTextResolver>;
  before(async () => {
    resolve = createTextResolver(await dnsServer());
  });

  it('come whole, however they are cut', async () => {
    const name = aName();
    const long = 'x'.repeat(255);
    answerTexts(name, [['v=spf1 -all'], ['gate', 'house'], [long, long, 'y']]);
    expect(await resolve(name)).to.have.members(['v=spf1 -all', 'gatehouse', `${long}${long}y`]);
  });

  it('are none where there is no such name, or no text', async () => {
    const name = aName();
    expect(await resolve(name)).to.deep.equal([]);
    answerTexts(name, []);
    expect(await resolve(name)).to.deep.equal([]);
  });

  it('are not known where the server fails, or does not answer in time (LIMITS.dnsMs)', async () => {
    const [broken, silent] = [aName(), aName()];
    answerTexts(broken, 'SERVFAIL');
    answerTexts(silent, 'silent');
    expect(await Promise.all([resolve(broken), resolve(silent)])).to.deep.equal([undefined, undefined]);
  });

  it('are no more than there may be, of a full answer (LIMITS.dnsRecords)', async () => {
    const name = aName();
    answerTexts(
      name,
      Array.from({ length: 600 }, (_, at) => [`text ${at}`]),
    );
    expect(await resolve(name)).to.have.lengthOf(LIMITS.dnsRecords);
  });

  it('are asked for by names that the DNS cannot have, too', async () => {
    for (const name of [`${'x'.repeat(64)}.example`, `${'x.'.repeat(130)}example`, 'a..b'])
      expect((await resolve(name)) ?? []).to.deep.equal([]);
  });
});
