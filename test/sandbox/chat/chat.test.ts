import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Chat, startChat } from '../../../src/sandbox/chat/chat.ts';
import type { SandboxClock } from '../../../src/sandbox/clock.ts';
import { Faults } from '../../../src/sandbox/faults.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';

const secret = 'SECabc';
const whsec = `whsec_${Buffer.from('0123456789abcdef01234567').toString('base64')}`;
const hourMs = 3_600_000;
const markdown = JSON.stringify({ msgtype: 'markdown', markdown: { title: 'Sluice', text: '**10%** verified' } });

let nowMs: number;
let chat: Chat;
let faults: Faults;

beforeEach(async () => {
  nowMs = Date.now();
  const clock: SandboxClock = { speed: 1, anchorMs: nowMs, now: () => nowMs, sleep: async () => undefined };
  faults = new Faults(seededRandom(1), clock.now);
  chat = await startChat({ clock, faults, dingtalk: { accessToken: 'token', secret }, webhook: { secret: whsec } });
});

afterEach(() => chat.stop());

const post = (path: string, body: string, headers: Record<string, string> = {}) =>
  fetch(`${chat.url}${path}`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });

async function dingtalk(body: string, given: { ms?: number; sign?: string; token?: string } = {}) {
  const ms = given.ms ?? nowMs;
  const sign = given.sign ?? createHmac('sha256', secret).update(`${ms}\n${secret}`).digest('base64');
  const query = `access_token=${given.token ?? 'token'}&timestamp=${ms}&sign=${encodeURIComponent(sign)}`;
  const answer = await post(`/dingtalk/robot/send?${query}`, body);
  expect(answer.status).toBe(200);
  return (await answer.json()) as { errcode: number; errmsg: string };
}

describe('the DingTalk robot', () => {
  it('takes a signed message and keeps it', async () => {
    expect(await dingtalk(markdown)).toEqual({ errcode: 0, errmsg: 'ok' });
    expect(chat.messages()).toEqual([
      {
        channel: 'dingtalk',
        receivedAt: new Date(nowMs).toISOString(),
        refusal: null,
        id: null,
        body: JSON.parse(markdown),
      },
    ]);
  });

  it('accepts the signature that the reference gives for a known secret and time', async () => {
    nowMs = 1_700_000_000_123;
    expect(await dingtalk(markdown, { sign: 'IqXBU/aLfwMA3S/tDcfRmHx5vWHw9Y1aOgFLBr1Ti9w=' })).toMatchObject({
      errcode: 0,
    });
  });

  it.each([
    ['a wrong signature', { sign: 'AAAA' }, 310000, 'sign not match'],
    ['a time more than an hour ago', { ms: Date.now() - 2 * hourMs }, 310000, 'invalid timestamp'],
    ['an unknown robot', { token: 'other' }, 300001, 'token is not exist'],
  ])('refuses %s inside HTTP 200', async (_, given, errcode, errmsg) => {
    expect(await dingtalk(markdown, given)).toEqual({ errcode, errmsg });
    expect(chat.messages()[0]?.refusal).toBe(`${errcode} ${errmsg}`);
  });

  it.each(['', '{', '{"msgtype":"markdown"}', '{"msgtype":"markdown","markdown":{"title":"t"}}', '{"msgtype":"song"}'])(
    'refuses the body %s',
    async (body) => {
      expect(await dingtalk(body)).toMatchObject({ errcode: 40035 });
    },
  );

  it('takes 20 messages a minute, then none for ten minutes', async () => {
    for (let sent = 0; sent < 20; sent += 1) expect((await dingtalk(markdown)).errcode).toBe(0);
    expect(await dingtalk(markdown)).toMatchObject({ errcode: 130101, punish: 'deny' });
    nowMs += 9 * 60_000;
    expect((await dingtalk(markdown)).errcode).toBe(130101);
    nowMs += 61_000;
    expect((await dingtalk(markdown)).errcode).toBe(0);
  });
});

describe('the generic webhook', () => {
  const body = JSON.stringify({ specversion: '1.0', type: 'sluice.migration.step.verified' });

  function signed(id = 'msg_1', at = new Date(), signedBody = body): Record<string, string> {
    const signature = new Webhook(whsec).sign(id, at, signedBody);
    return {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': signature,
    };
  }

  it('takes what the Standard Webhooks library signs, and keeps the id', async () => {
    expect((await post('/webhook', body, signed())).status).toBe(204);
    expect(chat.messages()[0]).toMatchObject({
      channel: 'webhook',
      id: 'msg_1',
      refusal: null,
      body: JSON.parse(body),
    });
  });

  it('takes a message of which one of two signatures fits, as after a change of keys', async () => {
    const headers = signed();
    const both = { ...headers, 'webhook-signature': `v1,AAAA ${headers['webhook-signature']}` };
    expect((await post('/webhook', body, both)).status).toBe(204);
  });

  it('refuses with 401 what is unsigned, signed over another body, or old', async () => {
    expect((await post('/webhook', body)).status).toBe(401);
    expect((await post('/webhook', body, signed('msg_1', new Date(), '{}'))).status).toBe(401);
    expect((await post('/webhook', body, signed('msg_1', new Date(Date.now() - 600_000)))).status).toBe(401);
    expect(chat.messages().map(({ refusal }) => refusal?.slice(0, 3))).toEqual(['401', '401', '401']);
  });
});

describe('chat as a whole', () => {
  it('answers 404 for another path, 405 for another method and 413 for a long message', async () => {
    expect((await post('/slack', '{}')).status).toBe(404);
    expect((await fetch(`${chat.url}/webhook`)).status).toBe(405);
    expect((await post('/webhook', 'x'.repeat(70_000))).status).toBe(413);
  });

  it('fails with the status of a fault, or without an answer, and keeps nothing', async () => {
    faults.put([{ where: 'chat', kind: 'error', status: 429 }]);
    const answer = await post('/webhook', '{}');
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '5']);
    faults.put([{ where: 'chat', kind: 'drop' }]);
    await expect(post('/webhook', '{}')).rejects.toThrow();
    expect(chat.messages()).toEqual([]);
  });

  it('keeps the last 1000 messages', async () => {
    for (let sent = 0; sent < 1005; sent += 1) await post('/webhook', String(sent));
    expect(chat.messages()).toHaveLength(1000);
    expect(chat.messages()[0]?.body).toBe(5);
  });
});
