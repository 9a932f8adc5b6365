import { type SharedBalancer, serviceName } from './source-side.ts';

/** A listener of a CLB as far as its way to a vServer group goes; a null group is another kind of backend. */
export interface ListenerGroup {
  readonly port: number;
  readonly group: string | null;
}

/** Where the listeners of a CLB and what a Service maps do not go together (reference E9, E36). */
export function listenerNotes(
  { loadBalancer, source, ports }: SharedBalancer,
  listeners: readonly ListenerGroup[],
): readonly string[] {
  const unheard = ports.filter(({ group }) => !listeners.some((listener) => listener.group === group));
  const unmapped = listeners.filter(
    ({ port, group }) =>
      source.ports.some((one) => one.port === port) && !ports.some((mapping) => mapping.group === group),
  );
  return [
    ...unheard.map(({ group, port }) => `no listener of ${loadBalancer} leads to ${group}, the group of port ${port}`),
    ...unmapped.map(
      ({ port, group }) =>
        `listener ${port} of ${loadBalancer} leads to ${group ?? 'no vServer group'}, which ${serviceName(source)} does not map: port ${port} stays where it is`,
    ),
  ];
}
