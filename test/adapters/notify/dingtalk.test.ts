import { createHmac } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { dingtalkMessage, signedUrl } from '../../../src/adapters/notify/dingtalk.ts';
import { notifier } from '../../../src/adapters/notify/notifier.ts';
import { TerminalError, TransientError } from '../../../src/ports/errors.ts';
import { aNotice, clockAt, type Received, type Receiver, startReceiver } from './receiver.ts';

const secret = 'SECabc';
const nowMs = 1_700_000_000_123;
const receivers: Receiver[] = [];
afterEach(async () => {
  await Promise.all(receivers.splice(0).map((one) => one.stop()));
});

/** Answers as DingTalk does: always 200, with the outcome inside. */
async function robotThat(answer: (received: Received, count: number) => unknown, headers: Record<string, string> = {}) {
  const receiver = await startReceiver((response: ServerResponse, received, count) => {
    const body = answer(received, count);
    response.writeHead(200, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  receivers.push(receiver);
  return receiver;
}

function channelTo(receiver: Receiver, isSigned = true) {
  return notifier({
    channels: {
      ops: {
        kind: 'dingtalk',
        url: () => `${receiver.url}/robot/send?access_token=t0ken`,
        secret: isSigned ? () => secret : null,
      },
    },
    clock: clockAt(nowMs),
    isLoopbackAllowed: true,
  });
}

async function outcome(receiver: Receiver, isSigned = true): Promise<unknown> {
  return channelTo(receiver, isSigned)
    .post('ops', aNotice())
    .then(
      () => 'sent',
      (error: unknown) => error,
    );
}

describe('the DingTalk robot', () => {
  it('signs as the published vector says', () => {
    const url = signedUrl(new URL('https://oapi.dingtalk.com/robot/send?access_token=x'), secret, nowMs);
    expect(url.href).toBe(
      'https://oapi.dingtalk.com/robot/send?access_token=x&timestamp=1700000000123&sign=IqXBU%2FaLfwMA3S%2FtDcfRmHx5vWHw9Y1aOgFLBr1Ti9w%3D',
    );
  });

  it('gets a signed markdown message with what people need to know', async () => {
    const robot = await robotThat(() => ({ errcode: 0, errmsg: 'ok' }));
    expect(await outcome(robot)).toBe('sent');
    const [one] = robot.received;
    const ms = one?.query.get('timestamp') ?? '';
    expect(one?.query.get('access_token')).toBe('t0ken');
    expect(one?.query.get('sign')).toBe(createHmac('sha256', secret).update(`${ms}\n${secret}`).digest('base64'));
    const { msgtype, markdown } = JSON.parse(one?.body ?? '') as { msgtype: string; markdown: { text: string } };
    expect(msgtype).toBe('markdown');
    expect(markdown.text).toBe(
      [
        '### Sluice: Step 2 of 4 is verified',
        '',
        '- **Migration**: shop-ingress (run r1)',
        '- **State**: progressing.baking',
        '- **Step**: 2 of 4',
        '- **Share**: asked 50%, achieved 50.4%, observed not known',
        '- **Reason**: the load balancer holds 50 and 50 on every port',
        '- **Next**: bakes for 10 minutes, then is judged; abort to go back',
      ].join('\n'),
    );
  });

  it('is not signed where the channel has no secret', async () => {
    const robot = await robotThat(() => ({ errcode: 0, errmsg: 'ok' }));
    expect(await outcome(robot, false)).toBe('sent');
    expect([...(robot.received[0]?.query.keys() ?? [])]).toEqual(['access_token']);
  });

  it('calls everybody only when it is critical', () => {
    const calls = (severity: 'info' | 'warning' | 'critical') => dingtalkMessage(aNotice({ severity }))['at'];
    expect(calls('warning')).toMatchObject({ isAtAll: false });
    expect(calls('critical')).toMatchObject({ isAtAll: true });
  });

  it('shows names and reasons as they are, never as markup, in one line each', () => {
    const message = dingtalkMessage(
      aNotice({
        reason: '[pay](https://evil.example) <font color="red">**now**</font>\n# heading\u202e & `x`',
        title: '<b>_t_',
      }),
    );
    const { title, text } = message['markdown'] as { title: string; text: string };
    expect(text).toContain(
      '- **Reason**: \\[pay\\](https://evil.example) &lt;font color="red"&gt;\\*\\*now\\*\\*&lt;/font&gt; \\# heading  &amp; \\`x\\`',
    );
    expect(text.split('\n')).toHaveLength(8);
    expect(title).toBe('Sluice: <b>_t_');
  });

  it.each(['&', '"', '\\', '𝄞'])('stays below 20 KB however much of %s people write', (character) => {
    const long = character.repeat(6_000);
    const message = dingtalkMessage(
      aNotice({ title: long, reason: long, next: long, migration: long, run: long, state: long }),
    );
    expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThan(20 * 1024);
  });

  it('says of a migration before its first step that there was none', () => {
    const { text } = dingtalkMessage(aNotice({ step: 0, achieved: null }))['markdown'] as { text: string };
    expect(text).toContain('- **Step**: before the first of 4');
    expect(text).toContain('achieved not known');
  });

  it('names the route of a step where routes go one after the other', () => {
    expect(JSON.stringify(dingtalkMessage(aNotice({ route: 'lb-internal' })))).toContain(
      '- **Step**: 2 of 4 (lb-internal)',
    );
  });
});

describe('what the robot answers inside of 200', () => {
  it.each([
    [310000, 'sign not match'],
    [310000, 'keywords not in content'],
    [300001, 'token is not exist'],
    [40035, 'param error'],
  ])('errcode %i (%s) is for good', async (errcode, errmsg) => {
    const robot = await robotThat(() => ({ errcode, errmsg }));
    const error = await outcome(robot);
    expect(error).toBeInstanceOf(TerminalError);
    expect(String(error)).toContain(`errcode ${errcode}`);
    expect(robot.received).toHaveLength(1);
  });

  it.each([130101, 90030])('errcode %i backs off for ten minutes, whatever wait it names', async (errcode) => {
    const robot = await robotThat(() => ({ status: 1111, wait: 5, errcode, errmsg: 'send too fast' }));
    expect(await outcome(robot)).toMatchObject({ code: 'transient', retryAfterMs: 600_000 });
  });

  it('busy is tried again', async () => {
    const robot = await robotThat(() => ({ errcode: -1, errmsg: 'system busy' }));
    expect(await outcome(robot)).toMatchObject({ code: 'transient', retryAfterMs: null });
  });

  it.each(['<html>502</html>', '{"errco', '{}', 'null', '{"errcode":"0"}'])('%s is no success', async (body) => {
    const robot = await robotThat(() => body);
    expect(await outcome(robot)).toBeInstanceOf(TransientError);
  });

  it('a refused timestamp is signed again once, with the time of the answer', async () => {
    const theirs = nowMs + 7_200_000 - (nowMs % 1000);
    const robot = await robotThat(
      ({ query }) =>
        Math.abs(Number(query.get('timestamp')) - theirs) < 3_600_000
          ? { errcode: 0, errmsg: 'ok' }
          : { errcode: 310000, errmsg: 'invalid timestamp' },
      { date: new Date(theirs).toUTCString() },
    );
    expect(await outcome(robot)).toBe('sent');
    expect(robot.received.map(({ query }) => Number(query.get('timestamp')))).toEqual([nowMs, theirs]);
  });

  it('a timestamp that is refused twice is for good', async () => {
    const robot = await robotThat(() => ({ errcode: 310000, errmsg: 'description:invalid timestamp' }));
    expect(await outcome(robot)).toBeInstanceOf(TerminalError);
    expect(robot.received).toHaveLength(2);
  });

  it('no error repeats the token, the secret or what the robot said', async () => {
    for (const errcode of [310000, 300001, 130101, -1, 7]) {
      const robot = await robotThat(() => ({ errcode, errmsg: 'access_token=t0ken SECabc timestamp' }));
      const error = (await outcome(robot)) as Error;
      expect(`${error.message} ${String(error.cause)}`).not.toMatch(/t0ken|SECabc|127\.0\.0\.1/);
    }
  });
});
