import type { ServiceReading } from '../../domain/observation.ts';
import { differencesAt, fastest, type PathAnswer, type PathSpec } from '../../domain/parity.ts';
import type { Spec } from '../../domain/spec.ts';
import type { Ports } from '../../ports/ports.ts';
import { bad, type Check, kindOf, pass } from './check.ts';
import { type RouteLook, serviceName } from './look.ts';

const parity = kindOf({
  id: 'parity',
  rows: ['E31', 'E35'],
  asks: 'source and target answer each URL of `spec.paths` alike: status, chosen headers, the body where asked, and not much later',
  why: 'a route, certificate or filter that one gateway lacks shows before a user meets it: both are asked at their own pods, with the host and SNI that clients send, while the target has no weight',
  says: ['fail', 'warn'],
});

export const parityKinds = [parity];

/** Each side is asked so often for each URL, another pod each time. */
const rounds = 3;
/** A preflight must not be a load: so many URLs are asked for at a time. */
const atOnce = 8;

interface Round {
  readonly source: PathAnswer;
  readonly target: PathAnswer;
}

/** Compares the two sides of a route at the URLs whose port it has. */
export async function parityChecks(
  ports: Pick<Ports, 'probe'>,
  { spec, observation, listeners }: RouteLook,
): Promise<readonly Check[]> {
  const { route, source, target } = observation;
  const pairs = spec.paths
    .flatMap((path) => {
      const mapping = route.ports.find(({ port }) => port === path.port);
      return mapping === undefined ? [] : [atPods(path, mapping.group, listeners)];
    })
    .flatMap((path) => source.services.flatMap((from) => target.services.map((to) => ({ path, from, to }))));
  const checks: Check[] = [];
  for (let index = 0; index < pairs.length; index += atOnce) {
    const some = pairs.slice(index, index + atOnce);
    checks.push(...(await Promise.all(some.map(({ path, from, to }) => compare(ports, path, from, to)))));
  }
  return checks;
}

/** An HTTPS listener speaks TLS with clients itself, and plain HTTP with the pods. */
function atPods(path: PathSpec, group: string, listeners: RouteLook['listeners']): PathSpec {
  const isEnded = listeners.some((one) => one.group === group && one.protocol === 'https');
  return { ...path, isTls: path.isTls && !isEnded };
}

/** A URL that belongs to no route would be compared by nobody, and look as if it had been. */
export function unaskedChecks({ paths, routes }: Spec): readonly Check[] {
  const known = new Set(routes.flatMap(({ ports }) => ports.map(({ port }) => port)));
  return paths
    .filter(({ port }) => !known.has(port))
    .map(({ url, port }) => {
      const at = { object: 'the migration', field: 'spec.paths', value: url };
      const found = `${url} is at port ${port}, which no route has (${[...known].join(', ')})`;
      return bad(parity, 'fail', found, { at });
    });
}

async function compare(
  { probe }: Pick<Ports, 'probe'>,
  path: PathSpec,
  from: ServiceReading,
  to: ServiceReading,
): Promise<Check> {
  const answers: Round[] = [];
  for (let turn = 0; turn < rounds; turn++) {
    const [source, target] = await Promise.all([probe.request(path, from, turn), probe.request(path, to, turn)]);
    answers.push({ source, target });
    // Whoever does not answer at all is not waited for again.
    if ('failure' in source || 'failure' in target) break;
  }
  return checkOf(path, to, answers);
}

function checkOf(path: PathSpec, to: ServiceReading, answers: readonly Round[]): Check {
  const at = { object: serviceName(to), field: path.url, value: wordsOf(answers.at(-1)?.target) };
  const differences = differencesAt(path, answers);
  if (differences.length > 0) {
    const found = `${serviceName(to)} answers ${path.url} otherwise than the source: ${differences.join('; ')}`;
    const advice = path.isAllowed ? ' (allowed by spec.paths)' : '';
    return bad(parity, path.isAllowed ? 'warn' : 'fail', `${found}${advice}`, { at });
  }
  const [first] = answers;
  if (first === undefined || 'failure' in first.source) {
    const found = `neither side answers ${path.url}, so nothing was compared: ${wordsOf(first?.source)}`;
    return bad(parity, path.isAllowed ? 'warn' : 'fail', found, { at });
  }
  const { status } = first.source;
  const took = `source ${fastest(answers.map((one) => one.source))} ms, target ${fastest(answers.map((one) => one.target))} ms`;
  if (status === 404 || status >= 500) {
    return bad(parity, 'warn', `both sides answer ${path.url} with ${status}: is it the right URL? (${took})`, { at });
  }
  return pass(parity, `both sides answer ${path.url} with ${status} (${took})`, at);
}

function wordsOf(answer: PathAnswer | undefined): string {
  if (answer === undefined) return 'nothing was asked';
  return 'failure' in answer ? answer.failure : `${answer.status}`;
}
