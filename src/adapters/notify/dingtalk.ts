import { createHmac } from 'node:crypto';
import type { Notice } from '../../domain/notice.ts';
import { TerminalError, TransientError } from '../../ports/errors.ts';
import { channelUrl, resolved } from './address.ts';
import type { Channel, Surroundings } from './channel.ts';
import { type Answer, post, statusError } from './post.ts';
import { markdownOf, shortened, wordsOf } from './render.ts';

/** A robot that sends more than 20 messages a minute is blocked for ten. */
const blockedMs = 10 * 60_000;
/** Further off than this, our clock is the likely reason for a refused timestamp (DingTalk allows an hour). */
const skewMs = 60_000;

/**
 * The custom robot of a DingTalk group. It answers 200 whatever happened: only `errcode` tells, and 0 alone is a success.
 * https://open.dingtalk.com/document/robots/custom-robot-access
 */
export async function postToDingtalk(
  name: string,
  channel: Channel,
  notice: Notice,
  surroundings: Surroundings,
): Promise<void> {
  const url = channelUrl(name, channel.url, surroundings.isLoopbackAllowed);
  const secret = channel.secret ? resolved(name, 'secret', channel.secret) : null;
  const body = JSON.stringify(dingtalkMessage(notice));
  const attempt = (atMs: number) => {
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    return post(name, secret === null ? url : signedUrl(url, secret, atMs), headers, body, surroundings);
  };
  const nowMs = surroundings.clock.now();
  const first = verdictOf(name, await attempt(nowMs), nowMs);
  if (first === 'sent') return;
  // Its own time is in the answer: a machine whose clock is off still gets its message through, once.
  if (first instanceof RefusedTimestamp && secret !== null) {
    const again = verdictOf(name, await attempt(first.timeMs ?? surroundings.clock.now()), nowMs);
    if (again === 'sent') return;
    throw again;
  }
  throw first;
}

/** The message of a robot: markdown, and everybody is called when people are paged. */
export function dingtalkMessage(notice: Notice): Readonly<Record<string, unknown>> {
  const words = wordsOf(notice);
  // Robots may be set to take only messages with a keyword: the product's name is always in the title.
  const title = `Sluice: ${words.title}`;
  return {
    msgtype: 'markdown',
    markdown: { title, text: markdownOf({ ...words, title }) },
    at: { atMobiles: [], atUserIds: [], isAtAll: notice.severity === 'critical' },
  };
}

/** The signature goes into the address: HMAC-SHA256 of `<ms>\n<secret>` with the secret as key. */
export function signedUrl(url: URL, secret: string, atMs: number): URL {
  const signed = new URL(url);
  signed.searchParams.set('timestamp', String(atMs));
  signed.searchParams.set('sign', createHmac('sha256', secret).update(`${atMs}\n${secret}`).digest('base64'));
  return signed;
}

/** The security check failed over the time; `timeMs` is the receiver's, where ours is off. */
class RefusedTimestamp extends TerminalError {
  readonly timeMs: number | null;
  constructor(message: string, timeMs: number | null) {
    super(message);
    this.timeMs = timeMs;
  }
}

function verdictOf(name: string, answer: Answer, nowMs: number): 'sent' | TransientError | TerminalError {
  if (answer.status !== 200) return statusError(name, answer, nowMs);
  const { errcode, errmsg } = parsed(answer.body);
  if (errcode === null) return new TransientError(`channel ${name}: an answer without errcode`);
  // The words of errmsg are for people and change; they may quote the request, so only known meanings are passed on.
  switch (errcode) {
    case 0:
      return 'sent';
    case -1:
      return new TransientError(`channel ${name}: DingTalk is busy (errcode -1)`);
    case 130101:
    case 90030:
      return new TransientError(`channel ${name}: too many messages (errcode ${errcode})`, { retryAfterMs: blockedMs });
    case 310000: {
      const message = `channel ${name}: its security check refused the message (errcode 310000: signature, keyword or IP)`;
      return /timestamp|时间戳/i.test(errmsg)
        ? new RefusedTimestamp(message, timeOf(answer, nowMs))
        : new TerminalError(message);
    }
    default:
      return new TerminalError(`channel ${name}: refused (errcode ${errcode})`);
  }
}

function parsed(body: string): { readonly errcode: number | null; readonly errmsg: string } {
  try {
    const { errcode, errmsg } = JSON.parse(body) as { errcode?: unknown; errmsg?: unknown };
    return { errcode: Number.isInteger(errcode) ? Number(errcode) : null, errmsg: shortened(String(errmsg), 500) };
  } catch {
    // A gateway's HTML page, or half an answer: it says nothing of the message.
    return { errcode: null, errmsg: '' };
  }
}

function timeOf(answer: Answer, nowMs: number): number | null {
  const timeMs = Date.parse(String(answer.headers['date']));
  return Number.isFinite(timeMs) && Math.abs(timeMs - nowMs) > skewMs ? timeMs : null;
}
