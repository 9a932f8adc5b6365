import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { notifier } from '../../../src/adapters/notify/notifier.ts';
import { type Chat, startChat } from '../../../src/sandbox/chat/chat.ts';
import { Faults } from '../../../src/sandbox/faults.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';
import { aNotice } from './receiver.ts';

const robotSecret = 'SECabc';
const hookSecret = `whsec_${Buffer.alloc(24, 3).toString('base64')}`;
let nowMs: number;
let chat: Chat;
let faults: Faults;

beforeEach(async () => {
  nowMs = Date.now();
  const clock = { speed: 1, anchorMs: nowMs, now: () => nowMs, sleep: async () => undefined };
  faults = new Faults(seededRandom(1), clock.now);
  chat = await startChat({
    clock,
    faults,
    dingtalk: { accessToken: 'token', secret: robotSecret },
    webhook: { secret: hookSecret },
  });
});
afterEach(() => chat.stop());

function channels(change: { robotSecret?: string; hookSecret?: string; offMs?: number } = {}) {
  return notifier({
    channels: {
      ops: {
        kind: 'dingtalk',
        url: () => `${chat.url}/dingtalk/robot/send?access_token=token`,
        secret: () => change.robotSecret ?? robotSecret,
      },
      audit: { kind: 'webhook', url: () => `${chat.url}/webhook`, secret: () => change.hookSecret ?? hookSecret },
    },
    clock: { now: () => nowMs + (change.offMs ?? 0), sleep: async () => undefined },
    isLoopbackAllowed: true,
  });
}

describe('the chat of the sandbox', () => {
  it('takes a notice on both channels, and shows the same words', async () => {
    await channels().post('ops', aNotice());
    await channels().post('audit', aNotice());
    const messages = chat.messages();
    expect(messages.map(({ channel, refusal, id }) => ({ channel, refusal, id }))).toEqual([
      { channel: 'dingtalk', refusal: null, id: null },
      { channel: expect.any(String), refusal: null, id: 'shop-ingress-r1-7-0' },
    ]);
    for (const { body } of messages) expect(JSON.stringify(body)).toContain('bakes for 10 minutes, then is judged');
  });

  it('refuses a wrong secret for good, on both channels', async () => {
    const wrong = channels({ robotSecret: 'SECxyz', hookSecret: `whsec_${Buffer.alloc(24, 4).toString('base64')}` });
    await expect(wrong.post('ops', aNotice())).rejects.toMatchObject({ code: 'terminal' });
    await expect(wrong.post('audit', aNotice())).rejects.toMatchObject({ code: 'terminal' });
    expect(chat.messages().filter(({ refusal }) => refusal === null)).toEqual([]);
  });

  it('takes a message from a machine whose clock is two hours off', async () => {
    await channels({ offMs: -7_200_000 }).post('ops', aNotice());
    expect(chat.messages().map(({ refusal }) => refusal === null)).toEqual([false, true]);
  });

  it('blocks a robot that talks too much: ten minutes of silence are asked for', async () => {
    for (let count = 0; count < 20; count++) await channels().post('ops', aNotice());
    await expect(channels().post('ops', aNotice())).rejects.toMatchObject({ code: 'transient', retryAfterMs: 600_000 });
  });

  it('out of order is tried again, when it says so', async () => {
    faults.put([{ where: 'chat', kind: 'error', rate: 1, status: 429 }]);
    await expect(channels().post('audit', aNotice())).rejects.toMatchObject({ code: 'transient', retryAfterMs: 5_000 });
    await expect(channels().post('ops', aNotice())).rejects.toMatchObject({ code: 'transient', retryAfterMs: 5_000 });
  });
});
