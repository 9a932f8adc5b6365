import type { IncomingHttpHeaders } from 'node:http';

/** A message as it came in over HTTP, before anybody judged it. */
export interface ChatRequest {
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The times a sender may have signed with: the sandbox's clock and the wall's, which differ when time is compressed. */
  readonly clocksMs: readonly number[];
  /** Sandbox time, for limits by the minute. */
  readonly nowMs: number;
}

/** What the channel answers. `refusal` is null when the message was taken. */
export interface ChatAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly refusal: string | null;
}

/** One kind of chat with its own rules; a further kind is one more file and one more line in chat.ts. */
export interface ChatChannel {
  readonly kind: string;
  readonly path: string;
  readonly bodyBytesMax: number;
  receive(request: ChatRequest): ChatAnswer;
}

/** Whether a signed time is within `toleranceMs` of one of the clocks. */
export function isRecent(signedMs: number, request: ChatRequest, toleranceMs: number): boolean {
  return request.clocksMs.some((clockMs) => Math.abs(clockMs - signedMs) <= toleranceMs);
}
