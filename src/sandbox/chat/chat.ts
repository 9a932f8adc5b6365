import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SandboxClock } from '../clock.ts';
import type { Faults } from '../faults.ts';
import { listen, readBody, sendJson } from '../function-compute/http-io.ts';
import type { ChatAnswer, ChatChannel } from './channel.ts';
import { type DingtalkRobot, dingtalkChannel } from './dingtalk.ts';
import { webhookChannel } from './standard-webhook.ts';

export interface ChatOptions {
  readonly clock: SandboxClock;
  readonly faults: Faults;
  readonly dingtalk: DingtalkRobot;
  readonly webhook: { readonly secret?: string };
  readonly port?: number;
}

/** One message that reached chat, taken or refused. */
export interface ChatMessage {
  readonly channel: string;
  /** ISO 8601, sandbox time. */
  readonly receivedAt: string;
  readonly refusal: string | null;
  /** The sender's id of the message, the same over all its attempts; null where the channel has none. */
  readonly id: string | null;
  /** Parsed when it is JSON. */
  readonly body: unknown;
}

export interface Chat {
  readonly url: string;
  /** The last 1000, the oldest first. */
  messages(): readonly ChatMessage[];
  stop(): Promise<void>;
}

const messagesMax = 1000;
const refusedBodyMax = 256 * 1024;

/** Receives what Sluice tells people: a DingTalk robot at `/dingtalk/robot/send` and a signed webhook at `/webhook`. */
export async function startChat(options: ChatOptions): Promise<Chat> {
  const channels: readonly ChatChannel[] = [dingtalkChannel(options.dingtalk), webhookChannel(options.webhook.secret)];
  const messages: ChatMessage[] = [];
  const stopping = new AbortController();
  const server = await listen(async (request, response) => {
    if (await strike(options, request, response, stopping.signal)) return;
    const url = new URL(request.url ?? '/', 'http://chat');
    const channel = channels.find(({ path }) => path === url.pathname);
    if (!channel)
      return sendJson(response, 404, { error: 'no such channel', channels: channels.map(({ path }) => path) });
    if (request.method !== 'POST') return sendJson(response, 405, { error: 'messages are POSTed' }, { allow: 'POST' });
    const body = (await readBody(request, refusedBodyMax))?.toString('utf8') ?? null;
    const answer = judge(channel, body, url.searchParams, request, options.clock);
    messages.push(messageOf(channel, body ?? '', request, answer, options.clock.now()));
    if (messages.length > messagesMax) messages.shift();
    if (answer.status === 204) response.writeHead(204).end();
    else sendJson(response, answer.status, answer.body);
  }, options.port ?? 0);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await server.stop();
  };
  return { url: server.url, messages: () => [...messages], stop };
}

function judge(
  channel: ChatChannel,
  body: string | null,
  query: URLSearchParams,
  request: IncomingMessage,
  clock: SandboxClock,
): ChatAnswer {
  if (body === null || Buffer.byteLength(body) > channel.bodyBytesMax) {
    const error = `the message exceeds ${channel.bodyBytesMax} bytes`;
    return { status: 413, body: { error }, refusal: `413 ${error}` };
  }
  const nowMs = clock.now();
  return channel.receive({ query, headers: request.headers, body, nowMs, clocksMs: [nowMs, Date.now()] });
}

/** True when a fault has answered this request, or left it without an answer. */
async function strike(
  { faults, clock }: ChatOptions,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<boolean> {
  const fault = faults.strike('chat', ['error', 'delay', 'drop', 'stall']);
  if (!fault) return false;
  if (fault.kind === 'delay' || fault.kind === 'stall') await clock.sleep(fault.forMs ?? 1000, signal);
  if (fault.kind === 'delay') return false;
  if (fault.kind === 'error') {
    request.resume();
    const status = fault.status ?? 500;
    sendJson(response, status, { error: 'chat is out of order' }, status === 429 ? { 'retry-after': '5' } : {});
  } else response.destroy();
  return true;
}

function messageOf(
  channel: ChatChannel,
  body: string,
  request: IncomingMessage,
  answer: ChatAnswer,
  nowMs: number,
): ChatMessage {
  const id = request.headers['webhook-id'];
  return {
    channel: channel.kind,
    receivedAt: new Date(nowMs).toISOString(),
    refusal: answer.refusal,
    id: typeof id === 'string' ? id.slice(0, 256) : null,
    body: parsed(body.slice(0, channel.bodyBytesMax)),
  };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // Kept as it came: a message that is no JSON is worth seeing too.
    return body;
  }
}
