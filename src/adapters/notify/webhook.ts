import { createHmac } from 'node:crypto';
import type { Notice } from '../../domain/notice.ts';
import { TerminalError } from '../../ports/errors.ts';
import { channelUrl, resolved } from './address.ts';
import type { Channel, Surroundings } from './channel.ts';
import { post, statusError } from './post.ts';
import { wordsOf } from './render.ts';

/** The id goes into a header and into the signed text, where a dot separates the parts. */
const idForm = /^[\x21-\x2d\x2f-\x7e]{1,200}$/;

/**
 * The generic channel: a structured CloudEvent 1.0 as body, signed after Standard Webhooks. `webhook-id` is the event's id, so
 * a receiver drops repeats by either. Only 2xx is a success; a redirect is not followed and fails; 410 ends it for good.
 */
export async function postToWebhook(
  name: string,
  channel: Channel,
  notice: Notice,
  surroundings: Surroundings,
): Promise<void> {
  if (!idForm.test(notice.id)) throw new TerminalError(`channel ${name}: a notice id that no header can carry`);
  const url = channelUrl(name, channel.url, surroundings.isLoopbackAllowed);
  const body = JSON.stringify(cloudEvent(notice));
  const nowMs = surroundings.clock.now();
  const seconds = String(Math.floor(nowMs / 1000));
  const headers: Record<string, string> = {
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'webhook-id': notice.id,
    'webhook-timestamp': seconds,
  };
  if (channel.secret) {
    const key = signingKey(name, resolved(name, 'secret', channel.secret));
    headers['webhook-signature'] = signature(key, notice.id, seconds, body);
  }
  const answer = await post(name, url, headers, body, surroundings);
  if (answer.status < 200 || answer.status > 299) throw statusError(name, answer, nowMs);
}

/** CloudEvents 1.0.2, JSON format; `source` and `id` together name the notice. */
function cloudEvent(notice: Notice): Readonly<Record<string, unknown>> {
  const words = wordsOf(notice);
  const text = (label: string) => words.lines.find((line) => line.label === label)?.text ?? '';
  return {
    specversion: '1.0',
    id: notice.id,
    source: `/sluice/migrations/${encodeURIComponent(notice.migration)}`,
    type: `sluice.migration.${notice.kind}`,
    subject: notice.migration,
    time: new Date(notice.atMs).toISOString(),
    datacontenttype: 'application/json',
    data: {
      migration: notice.migration,
      run: notice.run,
      state: notice.state,
      step: notice.step,
      steps: notice.steps,
      route: notice.route,
      share: { asked: notice.asked, achieved: notice.achieved, observed: notice.observed },
      severity: notice.severity,
      title: words.title,
      reason: text('Reason'),
      next: text('Next'),
    },
  };
}

/** `whsec_` and 24 to 64 bytes in base64 (Standard Webhooks, "signature scheme"). */
function signingKey(name: string, secret: string): Buffer {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  if (key.length < 24 || key.length > 64) {
    throw new TerminalError(`channel ${name}: its secret must be whsec_ and 24 to 64 bytes in base64`);
  }
  return key;
}

function signature(key: Buffer, id: string, seconds: string, body: string): string {
  return `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`;
}
