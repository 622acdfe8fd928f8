import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { createBreachCheck } from '../../../src/domain/passwords/breach-check.ts';
import { createCommonPasswords } from '../../../src/domain/passwords/common-passwords.ts';
import { type PasswordContext, type PasswordPolicy, problemsOf } from '../../../src/domain/passwords/policy.ts';
import { DEFAULT_SETTINGS } from '../../../src/domain/tenants/settings.ts';

const common = createCommonPasswords();
const problems = (password: string, policy: Partial<PasswordPolicy> = {}, context: PasswordContext = []) =>
  problemsOf(password, { ...DEFAULT_SETTINGS.password, ...policy }, context, common);

describe('the password policy', () => {
  it('lets through what is long and not easily guessed, whatever it is made of', async () => {
    for (const good of [
      'correct horse battery',
      'tr0ub4dor & 3',
      '  vier mal acht  ',
      'пароль-из-слов',
      '\u0000\u0001 nul nul',
      'dgjmqxzk',
    ]) {
      expect(await problems(good), good).to.deep.equal([]);
    }
  });

  it('counts characters, and takes each length on the limit', async () => {
    expect(await problems('kx7#Qp2')).to.deep.equal(['too_short']);
    expect(await problems('kx7#Qp2!')).to.deep.equal([]);
    expect(await problems('\u{1f600}\u{1f680}\u{1f31f}\u{1f40d}')).to.include('too_short');
    const long = Array.from({ length: 256 }, (_, index) => String.fromCodePoint(0x4e00 + index * 7)).join('');
    expect(await problems(long)).to.deep.equal([]);
    expect(await problems(`${long}x`)).to.deep.equal(['too_long']);
  });

  it('refuses the common, in any case and width', async () => {
    for (const bad of [
      'password',
      'PassWord1',
      'iloveyou',
      'TRUSTNO1',
      'ｐａｓｓｗｏｒｄ',
      'princess',
      'passwordpassword',
      'dragondragon',
    ]) {
      expect(await problems(bad), bad).to.include('common');
    }
    expect(await problems('password', { refuseCommon: false })).to.deep.equal([]);
  });

  it('refuses repetitions and walks over the keyboard', async () => {
    for (const bad of ['zzzzzzzz', 'xyxyxyxyxy', 'ab1ab1ab1ab'])
      expect(await problems(bad), bad).to.include('repeated');
    for (const bad of [
      'qwertyuiopasdf',
      'ZXCVbnm,'.slice(0, 7).concat('asdf'),
      '0987654321',
      'lkjhgfdsa',
      'mnbvcxzlkj',
      'abcdefgh1234',
      '1qaz2wsx3edc',
      'azertyuiop123',
    ]) {
      expect(await problems(bad), bad).to.include('sequence');
    }
  });

  it('refuses what leans on the tenant, the product or the person', async () => {
    const context = ['Acme Clinic', 'acme', 'ann.miller@example.com', 'annm', 'gatehouse'];
    for (const bad of [
      'acme2026!',
      'Gatehouse!1',
      'ann.miller1',
      'MILLERann77',
      'acmeclinic#1',
      'AcmeMiller',
      'ＡＣＭＥ-2026',
    ]) {
      expect(await problems(bad, {}, context), bad).to.include('context');
    }
    expect(await problems('the acme anvil falls at dawn', {}, context)).to.deep.equal([]);
    expect(await problems('acme2026!', {}, [null, undefined, ''])).to.deep.equal([]);
  });

  it('asks for kinds of characters where the tenant does, and names each that is missing', async () => {
    const strict = { requireUppercase: true, requireLowercase: true, requireDigit: true, requireSpecial: true };
    expect(await problems('kxqjwvzpnb', strict)).to.deep.equal(['needs_uppercase', 'needs_digit', 'needs_special']);
    expect(await problems('KXQ-71520', strict)).to.deep.equal(['needs_lowercase']);
    expect(await problems('Kxq-71520', strict)).to.deep.equal([]);
  });

  it('knows at least ten thousand common passwords, and nothing that merely holds one', async () => {
    for (const bad of ['123456', 'monkey', 'letmein', 'qazwsx', 'superman'])
      expect(await common.has(bad), bad).to.equal(true);
    for (const fine of ['', '\n', '23456\n', 'monkey\nletmein', 'mon key'])
      expect(await common.has(fine), JSON.stringify(fine)).to.equal(false);
    expect(await common.size()).to.be.greaterThan(10_000);
  });
});

describe('the breach check', () => {
  const digest = createHash('sha1').update('hunter2 hunter2').digest('hex').toUpperCase();
  const answering = (answer: (url: string) => Promise<string>) => {
    const asked: string[] = [];
    const fetchText = (url: string) => {
      asked.push(url);
      return answer(url);
    };
    return { asked, check: createBreachCheck({ url: 'https://range.test/{prefix}', fetchText }) };
  };

  it('tells five digits of the hash and finds the rest in the answer', async () => {
    const { asked, check } = answering(
      async () => `0000000000000000000000000000000000A:3\r\n${digest.slice(5)}:42\r\n`,
    );
    expect(await check('hunter2 hunter2')).to.equal(true);
    expect(await check('another one')).to.equal(false);
    expect(asked[0]).to.equal(`https://range.test/${digest.slice(0, 5)}`);
    expect(asked.join()).not.to.include(digest.slice(5));
  });

  it('takes padding for no breach', async () => {
    const { check } = answering(async () => `${digest.slice(5)}:0`);
    expect(await check('hunter2 hunter2')).to.equal(false);
  });

  it('lets pass when the service is away, or answers nonsense', async () => {
    expect(await answering(() => Promise.reject(new Error('away'))).check('hunter2 hunter2')).to.equal(false);
    expect(await answering(async () => '<html>').check('hunter2 hunter2')).to.equal(false);
  });

  it('lets pass when the service does not answer in time', async () => {
    const never = () => new Promise<string>(() => {});
    const check = createBreachCheck({ url: 'https://range.test/{prefix}', fetchText: never, timeoutMs: 5 });
    expect(await check('hunter2 hunter2')).to.equal(false);
  });

  it('asks nobody where no service is configured', async () => {
    const asked: string[] = [];
    const fetchText = async (url: string) => {
      asked.push(url);
      return `${digest.slice(5)}:42`;
    };
    expect(await createBreachCheck({ url: undefined, fetchText })('hunter2 hunter2')).to.equal(false);
    expect(asked).to.deep.equal([]);
  });
});
