import { createHmac, timingSafeEqual } from 'node:crypto';
import * as v from 'valibot';
import { type ChatAnswer, type ChatChannel, type ChatRequest, isRecent } from './channel.ts';

export interface DingtalkRobot {
  readonly accessToken: string;
  /** `SEC...`; without it the robot takes unsigned messages. */
  readonly secret?: string;
}

const toleranceMs = 3_600_000;
const minuteMs = 60_000;
const messagesAMinuteMax = 20;
const blockedMs = 10 * minuteMs;

const text = v.pipe(v.string(), v.minLength(1));
const messageSchema = v.variant('msgtype', [
  v.looseObject({ msgtype: v.literal('text'), text: v.looseObject({ content: text }) }),
  v.looseObject({ msgtype: v.literal('markdown'), markdown: v.looseObject({ title: text, text }) }),
  v.looseObject({ msgtype: v.literal('link'), link: v.looseObject({ title: text, text, messageUrl: text }) }),
  v.looseObject({ msgtype: v.literal('actionCard'), actionCard: v.looseObject({ title: text, text }) }),
  v.looseObject({
    msgtype: v.literal('feedCard'),
    feedCard: v.looseObject({ links: v.pipe(v.array(v.unknown()), v.minLength(1)) }),
  }),
]);

/**
 * A DingTalk custom robot. It answers every request with HTTP 200 and says inside whether it took the message: who looks
 * at the status only takes failures for successes.
 *
 * @source reference function-compute-and-chat.md E1
 */
export function dingtalkChannel(robot: DingtalkRobot): ChatChannel {
  let sentAtMs: number[] = [];
  let blockedUntilMs = Number.NEGATIVE_INFINITY;
  const isTooFast = (nowMs: number): boolean => {
    if (nowMs < blockedUntilMs) return true;
    sentAtMs = sentAtMs.filter((atMs) => atMs > nowMs - minuteMs);
    if (sentAtMs.length < messagesAMinuteMax) return false;
    blockedUntilMs = nowMs + blockedMs;
    return true;
  };
  const receive = (request: ChatRequest): ChatAnswer => {
    if (request.query.get('access_token') !== robot.accessToken) return refused(300001, 'token is not exist');
    const wrong = robot.secret === undefined ? null : checkSign(request, robot.secret);
    if (wrong) return wrong;
    const message = v.safeParse(messageSchema, json(request.body));
    if (!message.success) return refused(40035, '缺少参数 json');
    if (isTooFast(request.nowMs)) return tooFast();
    sentAtMs.push(request.nowMs);
    return { status: 200, body: { errcode: 0, errmsg: 'ok' }, refusal: null };
  };
  return { kind: 'dingtalk', path: '/dingtalk/robot/send', bodyBytesMax: 20_000, receive };
}

function checkSign(request: ChatRequest, secret: string): ChatAnswer | null {
  const timestamp = request.query.get('timestamp') ?? '';
  if (!/^\d{13}$/.test(timestamp) || !isRecent(Number(timestamp), request, toleranceMs)) {
    return refused(310000, 'invalid timestamp');
  }
  const expected = createHmac('sha256', secret).update(`${timestamp}\n${secret}`).digest();
  const given = Buffer.from(request.query.get('sign') ?? '', 'base64');
  const isSame = given.length === expected.length && timingSafeEqual(given, expected);
  return isSame ? null : refused(310000, 'sign not match');
}

function refused(errcode: number, errmsg: string): ChatAnswer {
  return { status: 200, body: { errcode, errmsg }, refusal: `${errcode} ${errmsg}` };
}

function tooFast(): ChatAnswer {
  const answer = refused(130101, 'send too fast, exceed 20 times per minute');
  return { ...answer, body: { status: 1111, wait: 5, source: 'x5', punish: 'deny', ...(answer.body as object) } };
}

function json(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // The schema refuses undefined: a body that is no JSON is a message without its fields.
    return undefined;
  }
}
