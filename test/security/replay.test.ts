import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { notifier } from '../../src/adapters/notify/notifier.ts';
import { aNotice, clockAt, type Receiver, startReceiver } from '../adapters/notify/receiver.ts';

const hookSecret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
const robotSecret = 'SECrobot';
const minuteMs = 60_000;
let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver((response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"errcode":0}'),
  );
});
afterEach(() => receiver.stop());

const postAt = async (channel: 'audit' | 'ops', nowMs: number) => {
  await notifier({
    channels: {
      audit: { kind: 'webhook', url: () => `${receiver.url}/hook`, secret: () => hookSecret },
      ops: { kind: 'dingtalk', url: () => `${receiver.url}/robot/send?access_token=t`, secret: () => robotSecret },
    },
    clock: clockAt(nowMs),
    isLoopbackAllowed: true,
  }).post(channel, aNotice());
  const last = receiver.received.at(-1);
  if (last === undefined) throw new Error('nothing came');
  return { ...last, headers: last.headers as Record<string, string> };
};

describe('a recorded webhook', () => {
  const verified = (headers: Record<string, string>, body: string) => () =>
    new Webhook(hookSecret).verify(body, headers);

  it('is taken now, and no more when it is played again six minutes later', async () => {
    const fresh = await postAt('audit', Date.now());
    const old = await postAt('audit', Date.now() - 6 * minuteMs);
    expect(verified(fresh.headers, fresh.body)).not.toThrow();
    expect(verified(old.headers, old.body)).toThrow(/too old/);
  });

  it('cannot be given a new time or a new id, because both are signed', async () => {
    const { headers, body } = await postAt('audit', Date.now() - 6 * minuteMs);
    const renewed = { ...headers, 'webhook-timestamp': String(Math.floor(Date.now() / 1000)) } as Record<
      string,
      string
    >;
    expect(verified(renewed, body)).toThrow(/No matching signature/);
    const fresh = await postAt('audit', Date.now());
    const other = { ...fresh.headers, 'webhook-id': 'another' };
    expect(verified(other, fresh.body)).toThrow(/No matching signature/);
  });

  it('has the id of its notice over all attempts, so that a repeat is known as one', async () => {
    const ids = [await postAt('audit', Date.now()), await postAt('audit', Date.now() + 1_000)];
    expect(new Set(ids.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([aNotice().id]));
  });
});

describe('a recorded message to a DingTalk robot', () => {
  it('is signed for its own moment, which the robot takes for an hour', async () => {
    const nowMs = Date.now();
    const { query } = await postAt('ops', nowMs);
    expect(query.get('timestamp')).toBe(String(nowMs));
    const signed = (ms: string | null) =>
      createHmac('sha256', robotSecret).update(`${ms}\n${robotSecret}`).digest('base64');
    expect(query.get('sign')).toBe(signed(query.get('timestamp')));
    const later = await postAt('ops', nowMs + 61 * minuteMs);
    expect(later.query.get('sign')).not.toBe(query.get('sign'));
    expect(signed(String(nowMs + 61 * minuteMs))).toBe(later.query.get('sign'));
  });
});
