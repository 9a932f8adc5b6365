import { alertWords, begunSince, firingOf } from '../domain/alert.ts';
import { alarmed, unmeasured, type Verdict, worstOf } from '../domain/judge/verdict.ts';
import type { Spec } from '../domain/spec.ts';
import { messageOf } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';

type Asking = Pick<Ports, 'alerts'>;

/** What alerts say against a migration: in words where one fires, and why where they could not be read. */
export interface AgainstIt {
  readonly firing: string | null;
  readonly trouble: string | null;
}

/** Read beside the signals, not with them: an alert counts also where no source can be asked. */
export async function alertsAgainst(ports: Asking, spec: Spec, startedAtMs: number): Promise<AgainstIt> {
  try {
    return { firing: await firingAgainst(ports, spec, startedAtMs), trouble: null };
  } catch (error) {
    return { firing: null, trouble: messageOf(error) };
  }
}

/**
 * The verdict of the signals and the alerts together: what fires fails, unless both sides fail; what cannot be read holds
 * back a pass.
 */
export function withAlerts(verdict: Verdict, { firing, trouble }: AgainstIt): Verdict {
  if (firing !== null) return worstOf([alarmed(firing), verdict]);
  return trouble === null ? verdict : worstOf([verdict, unmeasured('alerts', trouble)]);
}

async function firingAgainst({ alerts }: Asking, spec: Spec, startedAtMs: number): Promise<string | null> {
  const firing = firingOf(await alerts.read(spec.name));
  const against = spec.analysis.alertsAtStart === 'ignore' ? begunSince(firing, startedAtMs) : firing;
  return against.length === 0 ? null : alertWords(against);
}
