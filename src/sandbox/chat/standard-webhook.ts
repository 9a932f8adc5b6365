import { createHmac, timingSafeEqual } from 'node:crypto';
import { type ChatAnswer, type ChatChannel, type ChatRequest, isRecent } from './channel.ts';

const toleranceMs = 5 * 60_000;

/**
 * A receiver of generic webhooks: 204 for a message it takes, 401 for one that is not signed as Standard Webhooks asks.
 *
 * @param secret `whsec_<base64>`; without it unsigned messages are taken
 * @source reference function-compute-and-chat.md E6
 */
export function webhookChannel(secret?: string): ChatChannel {
  const receive = (request: ChatRequest): ChatAnswer => {
    const wrong = secret === undefined ? null : checkSignature(request, secret);
    return wrong === null
      ? { status: 204, body: null, refusal: null }
      : { status: 401, body: { error: wrong }, refusal: `401 ${wrong}` };
  };
  return { kind: 'webhook', path: '/webhook', bodyBytesMax: 64 * 1024, receive };
}

function checkSignature(request: ChatRequest, secret: string): string | null {
  const header = (name: string): string => String(request.headers[name] ?? '');
  const [id, timestamp] = [header('webhook-id'), header('webhook-timestamp')];
  if (id === '') return 'webhook-id is missing';
  if (!/^\d{1,12}$/.test(timestamp)) return 'webhook-timestamp is missing or no number of seconds';
  if (!isRecent(Number(timestamp) * 1000, request, toleranceMs)) return 'webhook-timestamp is more than 5 minutes away';
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${request.body}`).digest();
  const isSigned = header('webhook-signature')
    .split(' ')
    .some((part) => part.startsWith('v1,') && equal(Buffer.from(part.slice(3), 'base64'), expected));
  return isSigned ? null : 'no webhook-signature of version v1 fits';
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
