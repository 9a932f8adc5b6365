import { rehearsalSpec } from '../domain/rehearsal.ts';
import type { Spec } from '../domain/spec.ts';
import { InvalidInputError, NotFoundError } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import { observeAll } from './observe.ts';
import { contextOf } from './snapshot.ts';

/**
 * What a rehearsal of this migration would do: the least share that can be moved, and back.
 * @throws InvalidInputError where there is nothing that a rehearsal could move
 */
export async function rehearsalOf(ports: Pick<Ports, 'router' | 'loadBalancer'>, spec: Spec): Promise<Spec> {
  const rehearsal = rehearsalSpec(spec, await observeAll(ports, spec.routes));
  if (rehearsal !== null) return rehearsal;
  const message =
    spec.routes.length === 0
      ? 'a rehearsal is of load balancers: route weights in a mesh take effect at once'
      : 'a side has no backends, so no share can be moved';
  throw new InvalidInputError([{ path: 'spec.routes', message }]);
}

/**
 * The spec of the name's last run: what is rehearsed where no file is given.
 * @throws NotFoundError
 */
export async function lastSpec({ store }: Pick<Ports, 'store'>, name: string): Promise<Spec> {
  const record = await store.load(name);
  if (record === null) throw new NotFoundError(`there was no migration ${name} yet: send its file`);
  return contextOf(record).spec;
}
