import { createHash } from 'node:crypto';
import { ConflictError } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import type { ApiRequest } from './http.ts';
import { RequestRefused } from './problem-response.ts';
import { badRequest } from './request-body.ts';

/**
 * An `Idempotency-Key`: the same key with the same request is the same request, for 24 hours. What a request did is
 * found by its marks in what it wrote anyway - the run's id at a start, the actor of a line of history at a command -
 * so that the mark and the effect are one commit.
 */
export interface RequestKey {
  /** Of the caller and the key. */
  readonly key: string;
  /** Of what is asked. */
  readonly request: string;
}

export const keyLastsMs = 24 * 60 * 60 * 1000;
/** Longer than any request may run (the function's time-out is 30 s). */
const lockLastsMs = 120_000;

/** @throws RequestRefused 400 where the header is no key */
export function requestKeyOf(request: ApiRequest, caller: string): RequestKey | null {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return null;
  if (!/^[\x21-\x7e]{1,255}$/.test(header)) {
    throw badRequest('Idempotency-Key must be 1 to 255 printable ASCII characters without spaces.');
  }
  const asked = createHash('sha256').update(`${request.method} ${request.path}\n`).update(request.body).digest('hex');
  return { key: hash(`${caller}\n${header}`).slice(0, 16), request: asked.slice(0, 12) };
}

/** Id of the run that a start with this key makes. */
export function runOf({ key, request }: RequestKey): string {
  return `i${key}${request}`;
}

/** Whether a run was started with this key: by the same request, by another one, or not at all. */
export function compareRun(run: string, key: RequestKey): 'same' | 'other' | null {
  if (!run.startsWith(`i${key.key}`)) return null;
  return run.startsWith(runOf(key)) ? 'same' : 'other';
}

/** Who did it, with the key's mark where there is one. */
export function actorOf(who: string, key: RequestKey | null): string {
  return key === null ? who : `${who}#${key.key}${key.request}`;
}

export function compareActor(actor: string | null, key: RequestKey): 'same' | 'other' | null {
  const mark = /#([0-9a-f]{16})([0-9a-f]{12})$/.exec(actor ?? '');
  if (mark?.[1] !== key.key) return null;
  return mark[2] === key.request ? 'same' : 'other';
}

/** A text for people, without the marks of keys. */
export function withoutMarks(text: string): string {
  return text.replace(/#[0-9a-f]{28}\b/g, '');
}

export function keyReused(): RequestRefused {
  const detail = 'This Idempotency-Key was used for another request; take a new one.';
  return new RequestRefused({ status: 422, code: 'key-reused', title: 'Idempotency-Key used before', detail });
}

/** Lets one request of a key work at a time: two copies at once would both find that nothing was done yet. */
export async function oneAtATime<Result>(
  ports: Ports,
  key: RequestKey | null,
  newId: () => string,
  work: () => Promise<Result>,
): Promise<Result> {
  if (key === null) return work();
  const claims = [`request ${key.key}`];
  const nowMs = await ports.store.now();
  const holder = { name: `request-${nowMs}`, run: newId() };
  const held = await ports.store.claim(claims, holder);
  if (held !== null) {
    const heldSinceMs = Number(held.holder.name.replace('request-', ''));
    // Its process died: nobody gives the claim back but the next one who needs it.
    if (nowMs - heldSinceMs > lockLastsMs) await ports.store.release(claims, held.holder);
    if (nowMs - heldSinceMs <= lockLastsMs || (await ports.store.claim(claims, holder)) !== null) {
      throw new ConflictError('a request with this Idempotency-Key is under way; ask again when it has ended');
    }
  }
  try {
    return await work();
  } finally {
    await ports.store.release(claims, holder);
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
