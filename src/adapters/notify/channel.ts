import type { Clock } from '../../ports/clock.ts';
import type { Resolve } from './address.ts';

/** One channel of the installation. Address and secret are resolved when they are used, and kept nowhere. */
export interface Channel {
  readonly kind: 'dingtalk' | 'webhook';
  /** The whole address is a secret: its token is in the query or the path. */
  readonly url: () => string;
  /** What signs the message; null where the channel has none. */
  readonly secret: (() => string) | null;
}

/** What every kind of channel needs of its surroundings. */
export interface Surroundings {
  /** Signatures carry its time, taken anew for each attempt. */
  readonly clock: Clock;
  /** The sandbox's chat is on loopback, without TLS; nothing else may be. */
  readonly isLoopbackAllowed: boolean;
  /** The only hosts that channels may be on, `example.com` or `*.example.com`; null: any. */
  readonly hosts: readonly string[] | null;
  /** How names become addresses, where not as the system says. */
  readonly resolve?: Resolve;
  /** How long one attempt may take, in real milliseconds. */
  readonly timeoutMs: number;
}
