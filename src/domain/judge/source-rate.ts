import type { Count } from '../verdict.ts';

/** An error rate that forgets: requests and errors that lose half of their weight every half-life. */
export type Fading = readonly [requests: number, errors: number];

/** Seconds; the fast one follows an outage, the slow one holds what is usual (reference judge.md 2.3). */
export const halfLives = { fast: 20, slow: 600 } as const;
export const noRequests: Fading = [0, 0];

/** Before anything is known: 0.2 per cent, with the weight of 50 requests. */
const usual = { rate: 0.002, requests: 50 };

export function fade([requests, errors]: Fading, ms: number, halfLife: number, count: Count): Fading {
  const kept = 0.5 ** (ms / 1000 / halfLife);
  return [requests * kept + count.requests, errors * kept + count.errors];
}

export function rateOf([requests, errors]: Fading): number {
  return (errors + usual.rate * usual.requests) / (requests + usual.requests);
}
