import type { ServerResponse } from 'node:http';
import { CloudEvent, HTTP } from 'cloudevents';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it } from 'vitest';
import { notifier } from '../../../src/adapters/notify/notifier.ts';
import { noticeKinds } from '../../../src/domain/notice.ts';
import { TerminalError, TransientError } from '../../../src/ports/errors.ts';
import { aNotice, clockAt, type Received, type Receiver, startReceiver } from './receiver.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const receivers: Receiver[] = [];
afterEach(async () => {
  await Promise.all(receivers.splice(0).map((one) => one.stop()));
});

async function receiverThat(answer: (response: ServerResponse, received: Received, count: number) => void) {
  const receiver = await startReceiver(answer);
  receivers.push(receiver);
  return receiver;
}

function channelTo(
  receiver: { url: string },
  change: { secret?: string | null; timeoutMs?: number; nowMs?: number } = {},
) {
  const key = change.secret === undefined ? secret : change.secret;
  return notifier({
    channels: {
      audit: {
        kind: 'webhook',
        url: () => `${receiver.url}/hook/h-token-1?key=q-token-2`,
        secret: key === null ? null : () => key,
      },
    },
    clock: clockAt(change.nowMs ?? Date.now()),
    isLoopbackAllowed: true,
    ...(change.timeoutMs === undefined ? {} : { timeoutMs: change.timeoutMs }),
  });
}

async function failureOf(post: Promise<void>): Promise<TransientError | TerminalError> {
  const error = await post.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof TransientError || error instanceof TerminalError) return error;
  throw new Error(`no error of a port: ${String(error)}`);
}

describe('the generic webhook', () => {
  it('brings a signed notice that the Standard Webhooks library accepts', async () => {
    const receiver = await receiverThat((response) => response.writeHead(204).end());
    await channelTo(receiver).post('audit', aNotice());
    const [one] = receiver.received;
    const verified = new Webhook(secret).verify(one?.body ?? '', one?.headers as Record<string, string>);
    expect(verified).toMatchObject({ id: 'shop-ingress-r1-7-0' });
    expect(() => new Webhook(secret).verify(`${one?.body} `, one?.headers as Record<string, string>)).toThrow();
  });

  it.each(noticeKinds)('brings %s as a CloudEvent that its library accepts', async (kind) => {
    const receiver = await receiverThat((response) => response.writeHead(202).end());
    await channelTo(receiver).post('audit', aNotice({ kind }));
    const [one] = receiver.received;
    const event = HTTP.toEvent({ headers: one?.headers ?? {}, body: one?.body ?? '' });
    if (!(event instanceof CloudEvent)) throw new Error('no single event');
    expect(event.validate()).toBe(true);
    expect(event).toMatchObject({
      type: `sluice.migration.${kind}`,
      source: '/sluice/migrations/shop-ingress',
      subject: 'shop-ingress',
      time: '2023-11-14T22:13:20.000Z',
      data: { step: 2, steps: 4, share: { asked: 50, achieved: 50.4, observed: null }, severity: 'info' },
    });
    expect(one?.headers['webhook-id']).toBe(event.id);
  });

  it('keeps the id over attempts, and signs each with its own time', async () => {
    const receiver = await receiverThat((response) => response.writeHead(200).end());
    await channelTo(receiver, { nowMs: 1_700_000_000_000 }).post('audit', aNotice());
    await channelTo(receiver, { nowMs: 1_700_000_300_999 }).post('audit', aNotice());
    const headers = receiver.received.map((one) => one.headers);
    expect(headers.map((one) => one['webhook-id'])).toEqual(['shop-ingress-r1-7-0', 'shop-ingress-r1-7-0']);
    expect(headers.map((one) => one['webhook-timestamp'])).toEqual(['1700000000', '1700000300']);
    expect(headers[0]?.['webhook-signature']).not.toBe(headers[1]?.['webhook-signature']);
  });

  it('sends unsigned where the channel has no secret', async () => {
    const receiver = await receiverThat((response) => response.writeHead(200).end());
    await channelTo(receiver, { secret: null }).post('audit', aNotice());
    expect(receiver.received[0]?.headers).not.toHaveProperty('webhook-signature');
  });

  it('stays below 20 KB whatever people write', async () => {
    const receiver = await receiverThat((response) => response.writeHead(200).end());
    const long = '\u0001"\\<𝄞>&'.repeat(5_000);
    await channelTo(receiver).post('audit', aNotice({ title: long, reason: long, next: long }));
    const body = receiver.received[0]?.body ?? '';
    expect(Buffer.byteLength(body)).toBeLessThan(20 * 1024);
    expect(JSON.parse(body)).toMatchObject({ data: { reason: expect.stringMatching(/\.\.\.$/) } });
    expect(body).not.toContain('\ufffd');
  });

  it.each([200, 201, 202, 204])('takes %i as delivered', async (status) => {
    const receiver = await receiverThat((response) => response.writeHead(status).end());
    await channelTo(receiver).post('audit', aNotice());
    expect(receiver.received).toHaveLength(1);
  });

  it.each([301, 302, 307, 400, 401, 403, 404, 410, 415])('gives up for good at %i', async (status) => {
    const receiver = await receiverThat((response) => response.writeHead(status, { location: '/elsewhere' }).end());
    const error = await failureOf(channelTo(receiver).post('audit', aNotice()));
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toBe(`channel audit: answered ${status}`);
    expect(receiver.received.map((one) => one.path)).toEqual(['/hook/h-token-1']);
  });

  it.each([408, 425, 429, 500, 502, 503, 504])('wants to try again after %i', async (status) => {
    const receiver = await receiverThat((response) => response.writeHead(status).end());
    expect(await failureOf(channelTo(receiver).post('audit', aNotice()))).toMatchObject({
      code: 'transient',
      retryAfterMs: null,
    });
  });

  it.each([
    ['7', 7_000],
    [new Date(1_700_000_090_000).toUTCString(), 90_000],
    ['86400', 3_600_000],
    [new Date(1_600_000_000_000).toUTCString(), 0],
    ['soon', null],
  ])('waits as long as Retry-After %s says, at most an hour', async (value, ms) => {
    const receiver = await receiverThat((response) => response.writeHead(429, { 'retry-after': value }).end());
    const error = await failureOf(channelTo(receiver, { nowMs: 1_700_000_000_000 }).post('audit', aNotice()));
    expect(error).toMatchObject({ code: 'transient', retryAfterMs: ms });
  });
});

describe('a receiver that misbehaves', () => {
  it('is left when it does not answer in time', async () => {
    const receiver = await receiverThat(() => undefined);
    const error = await failureOf(channelTo(receiver, { timeoutMs: 50 }).post('audit', aNotice()));
    expect(error).toMatchObject({ code: 'transient', message: 'channel audit: no answer within 50 ms' });
  });

  it('is left when it stops in the middle of its answer', async () => {
    const receiver = await receiverThat((response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half');
    });
    const error = await failureOf(channelTo(receiver, { timeoutMs: 200 }).post('audit', aNotice()));
    expect(error).toBeInstanceOf(TransientError);
  });

  it('is tried again when it closes the connection, and when nobody listens', async () => {
    const receiver = await receiverThat((response) => response.destroy());
    const closed = await failureOf(channelTo(receiver).post('audit', aNotice()));
    await receivers.pop()?.stop();
    const refused = await failureOf(channelTo(receiver).post('audit', aNotice()));
    expect([closed, refused].map(({ message }) => message)).toEqual([
      'channel audit: no answer (ECONNRESET)',
      'channel audit: no answer (ECONNREFUSED)',
    ]);
    expect(closed).toBeInstanceOf(TransientError);
    expect(refused).toBeInstanceOf(TransientError);
  });

  it('is not read to the end when it answers without end', async () => {
    const receiver = await receiverThat((response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(4096)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    await channelTo(receiver).post('audit', aNotice());
    expect(receiver.received).toHaveLength(1);
  });
});

describe('what never happens', () => {
  it('an unknown channel is an error for good, also when it is named like something every object has', async () => {
    const channels = notifier({ channels: {}, clock: clockAt(0) });
    for (const name of ['ops', 'constructor', '__proto__']) {
      expect(await failureOf(channels.post(name, aNotice()))).toBeInstanceOf(TerminalError);
    }
  });

  it('a secret, a token or an address in an error', async () => {
    const receiver = await receiverThat((response, _, count) =>
      response.writeHead(count === 1 ? 500 : 400).end('h-token-1'),
    );
    const errors = [
      await failureOf(channelTo(receiver).post('audit', aNotice())),
      await failureOf(channelTo(receiver).post('audit', aNotice())),
      await failureOf(channelTo({ url: 'https://no-such-host.invalid' }).post('audit', aNotice())),
      await failureOf(channelTo({ url: 'gopher://h-token-1' }).post('audit', aNotice())),
      await failureOf(channelTo(receiver, { secret: 'whsec_short' }).post('audit', aNotice())),
    ];
    for (const error of errors) {
      const told = JSON.stringify([error.message, error.stack?.split('\n')[0], error.cause]);
      expect(told).not.toMatch(/h-token-1|q-token-2|whsec_short|no-such-host|127\.0\.0\.1|gopher/);
    }
  });

  it('a reference that cannot be resolved telling what it refers to', async () => {
    const channels = notifier({
      channels: {
        audit: {
          kind: 'webhook',
          url: () => {
            throw new Error('env:SECRET_NAME is h-token-1');
          },
          secret: null,
        },
      },
      clock: clockAt(0),
    });
    const error = await failureOf(channels.post('audit', aNotice()));
    expect(error.message).toBe('channel audit: the reference to its address cannot be resolved');
    expect(error.cause).toBeUndefined();
  });

  it('an id with a dot being signed', async () => {
    const receiver = await receiverThat((response) => response.writeHead(200).end());
    expect(await failureOf(channelTo(receiver).post('audit', aNotice({ id: 'a.b' })))).toBeInstanceOf(TerminalError);
    expect(receiver.received).toEqual([]);
  });
});

describe('the address of a channel', () => {
  const post = (url: string, isLoopbackAllowed: boolean) =>
    failureOf(
      notifier({
        channels: { audit: { kind: 'webhook', url: () => url, secret: null } },
        clock: clockAt(0),
        isLoopbackAllowed,
        timeoutMs: 1_000,
      }).post('audit', aNotice()),
    );

  it.each(['http://hooks.example.com/x', 'http://127.0.0.1:9/x', 'ftp://127.0.0.1/x', 'not a URL', ''])(
    'is refused in production when it is %j',
    async (url) => {
      expect(await post(url, false)).toBeInstanceOf(TerminalError);
    },
  );

  it.each([
    'https://169.254.169.254/latest/meta-data',
    'https://2852039166/latest/meta-data',
    'https://[::ffff:169.254.169.254]/',
    'https://100.100.100.200/latest/meta-data',
    'https://[fe80::1]/',
    'https://[fd00:ec2::254]/',
    'https://0.0.0.0/',
    'https://[::]/',
  ])('never leads to a cloud metadata or link-local address, also in the sandbox: %s', async (url) => {
    expect((await post(url, true)).message).toBe(
      "channel audit: its address leads to this machine, its link or the cloud's metadata",
    );
  });

  it.each(['https://127.0.0.1:9/', 'https://[::1]:9/', 'https://localhost:9/'])(
    'never leads to this machine in production: %s',
    async (url) => {
      expect((await post(url, false)).message).toMatch(/leads to this machine/);
    },
  );
});
