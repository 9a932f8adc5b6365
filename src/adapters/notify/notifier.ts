import type { Notice } from '../../domain/notice.ts';
import type { Clock } from '../../ports/clock.ts';
import { TerminalError } from '../../ports/errors.ts';
import type { Notifier } from '../../ports/notifier.ts';
import type { Resolve } from './address.ts';
import type { Channel, Surroundings } from './channel.ts';
import { postToDingtalk } from './dingtalk.ts';
import { postToWebhook } from './webhook.ts';

export interface NotifierConfig {
  readonly channels: Readonly<Record<string, Channel>>;
  readonly clock: Clock;
  /** Only for the sandbox: plain HTTP to 127.0.0.0/8 and ::1. */
  readonly isLoopbackAllowed?: boolean;
  /** The only hosts that channels may be on, `example.com` or `*.example.com`; null or absent: any. */
  readonly hosts?: readonly string[] | null;
  /** How names become addresses; the system's way unless told. */
  readonly resolve?: Resolve;
  /** One attempt, 15 s unless told. */
  readonly timeoutMs?: number;
}

/** Longer than a slow chat needs, shorter than what is left of an invocation. */
const attemptMs = 15_000;

/**
 * One attempt a call: when to try again is the outbox's business, told by TransientError and its retryAfterMs.
 * Neither addresses nor secrets are in any error.
 */
export function notifier(config: NotifierConfig): Notifier {
  const surroundings: Surroundings = {
    clock: config.clock,
    isLoopbackAllowed: config.isLoopbackAllowed ?? false,
    hosts: config.hosts ?? null,
    ...(config.resolve === undefined ? {} : { resolve: config.resolve }),
    timeoutMs: config.timeoutMs ?? attemptMs,
  };
  return {
    async post(name: string, notice: Notice): Promise<void> {
      const channel = Object.hasOwn(config.channels, name) ? config.channels[name] : undefined;
      if (!channel) throw new TerminalError(`channel ${name} is not in the installation's configuration`);
      return postTo(name, channel, notice, surroundings);
    },
  };
}

function postTo(name: string, channel: Channel, notice: Notice, surroundings: Surroundings): Promise<void> {
  switch (channel.kind) {
    case 'dingtalk':
      return postToDingtalk(name, channel, notice, surroundings);
    case 'webhook':
      return postToWebhook(name, channel, notice, surroundings);
    default:
      return channel.kind satisfies never;
  }
}
