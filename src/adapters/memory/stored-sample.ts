import { type Sample, withoutRepeats } from '../../domain/verdict.ts';
import { type InputProblem, InvalidInputError } from '../../ports/errors.ts';

/** Samples that one reading gives, the newest ones (port Signals). */
export const samplesReadMax = 20_000;
/** Samples kept for each name; beyond them the oldest go. */
export const samplesKeptMax = 50_000;
/** How far from the store's clock the begin of an interval may lie, back or ahead; others are dropped. */
export const samplesWindowMs = 24 * 60 * 60 * 1000;
const samplesAtOnceMax = 5_000;
const problemsMax = 20;
const intervalMsMax = 60 * 60 * 1000;
const instanceForm = /^[\x21-\x7e]{1,128}$/;
const loadBalancerForm = /^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$/;
const memberForm =
  /^(source|target) ([\x21-\x7e]{1,128}) (\d{1,12}(?:\.\d{1,9})?) (\d{1,5}(?:\.\d{1,9})?) (\d{1,15}) (\d{1,15})(?: ([^\s=]{1,80}))?(?: connections=(\d{1,15}))?(?: direct=(\d{1,15}))?(?: slow=(\d{1,15}))?$/;

/** @throws InvalidInputError with the place of each sample (the first 20) that no store can take */
export function checkSamples(samples: readonly Sample[]): void {
  if (samples.length > samplesAtOnceMax) {
    const message = `${samples.length} samples at once; the limit is ${samplesAtOnceMax}`;
    throw new InvalidInputError([{ path: 'samples', message }]);
  }
  const problems = samples.flatMap((sample, index): InputProblem[] => {
    const message = problemOf(sample);
    return message === null ? [] : [{ path: `samples[${index}]`, message }];
  });
  if (problems.length > 0) throw new InvalidInputError(problems.slice(0, problemsMax));
}

/**
 * The sample as one line (docs/redis.md):
 * `<side> <instance> <fromEpochSeconds> <seconds> <requests> <errors>[ <loadBalancer>][ connections=<n>][ direct=<n>][ slow=<n>]`.
 */
export function toMember(sample: Sample): string {
  const { side, instance, fromMs, ms, requests, errors, loadBalancer, connections, direct, slow } = sample;
  return [
    ...[side, instance, fromMs / 1000, ms / 1000, requests, errors],
    ...(loadBalancer === undefined ? [] : [loadBalancer]),
    ...(connections === undefined ? [] : [`connections=${connections}`]),
    ...(direct === undefined ? [] : [`direct=${direct}`]),
    ...(slow === undefined ? [] : [`slow=${slow}`]),
  ].join(' ');
}

/** The sample that a line says, null when it says none. */
export function fromMember(member: string): Sample | null {
  const parts = memberForm.exec(member);
  if (parts === null) return null;
  const [, side, instance = '', from, seconds, requests, errors, loadBalancer, connections, direct, slow] = parts;
  const sample: Sample = {
    side: side === 'source' ? 'source' : 'target',
    instance,
    fromMs: Math.round(Number(from) * 1000),
    ms: Math.round(Number(seconds) * 1000),
    requests: Number(requests),
    errors: Number(errors),
    ...(loadBalancer === undefined ? {} : { loadBalancer }),
    ...(connections === undefined ? {} : { connections: Number(connections) }),
    ...(direct === undefined ? {} : { direct: Number(direct) }),
    ...(slow === undefined ? {} : { slow: Number(slow) }),
  };
  return problemOf(sample) === null ? sample : null;
}

/** Each sample once, in the order of their intervals, the newest where they are too many. */
export function inOrder(samples: readonly Sample[]): readonly Sample[] {
  const once = withoutRepeats(samples);
  return once.toSorted((one, other) => one.fromMs - other.fromMs).slice(-samplesReadMax);
}

function problemOf(sample: Sample): string | null {
  const { side, instance, fromMs, ms, requests, errors, loadBalancer } = sample;
  if (side !== 'source' && side !== 'target') return 'side must be source or target';
  if (!instanceForm.test(instance)) return 'instance must be 1 to 128 printable ASCII characters without spaces';
  if (loadBalancer !== undefined && !loadBalancerForm.test(loadBalancer)) return 'loadBalancer must be the id of a CLB';
  if (!Number.isSafeInteger(fromMs) || fromMs < 0)
    return 'the begin of the interval must be whole milliseconds since 1970';
  if (!Number.isSafeInteger(ms) || ms <= 0 || ms > intervalMsMax) return 'the interval must be 1 ms to 1 hour long';
  if (!isCount(requests) || !isCount(errors)) return 'requests and errors must be whole numbers from 0 on';
  return errors > requests ? 'there are more errors than requests' : wayProblemOf(sample);
}

function wayProblemOf({ requests, loadBalancer, connections = 0, direct = 0, slow = 0 }: Sample): string | null {
  if (!isCount(slow)) return 'slow must be a whole number from 0 on';
  if (slow > requests) return 'there are more slow requests than requests';
  if (!isCount(connections) || !isCount(direct)) return 'connections and direct must be whole numbers from 0 on';
  if (direct > requests) return 'there are more direct requests than requests';
  return loadBalancer !== undefined && direct > 0 ? 'direct requests come through no load balancer' : null;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value < 1e15;
}
