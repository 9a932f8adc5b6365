import { assertFence } from '../../src/adapters/kubernetes/fence.ts';
import type { ServiceReading } from '../../src/domain/observation.ts';
import type { Side } from '../../src/domain/spec.ts';
import { virtualServiceName } from '../../src/domain/subset-route.ts';
import { ConflictError, TerminalError, TransientError } from '../../src/ports/errors.ts';
import type { TrafficRouter } from '../../src/ports/traffic-router.ts';
import type { Instance } from './instance.ts';
import type { Outside } from './ports.ts';
import { sent } from './secret.ts';
import { fenceIn, hasPod, readSplitState, rewritten, subsetOf } from './subset-state.ts';

/** Subsets of a host, at the API server of the mesh; their pods in the cluster. */
export function splitsOf(outside: Outside, instance: Instance): Pick<TrafficRouter, 'readSplit' | 'writeSplit'> {
  const { calls, world, listening } = outside;
  const answering = (): void => {
    if (calls.weather.outageOf('asm')) throw new TransientError('sim: the mesh gives no answer', sent);
  };
  return {
    readSplit: (route) => {
      const index = world.splitIndexOf(route);
      instance.noteRead(`split ${index}`);
      return calls.call(instance, 'router.readSplit', () => {
        answering();
        const isCounted = !calls.weather.outageOf('ack');
        if (!isCounted) instance.uncountedAtMs = world.scheduler.nowMs;
        return readSplitState(world.split(index), isCounted);
      });
    },
    writeSplit: async (route, split, fence) => {
      const index = world.splitIndexOf(route);
      const what = `${JSON.stringify(split)} of ${route.host} with fence ${fence}`;
      const look = () => {
        answering();
        const now = world.split(index);
        if (outside.isFenceChecked) assertFence(`VirtualService ${virtualServiceName(route)}`, fenceIn(now), fence);
        return now.object;
      };
      const found = await calls.call(instance, 'router.lookSplit', look, what);
      const write = (): void => {
        answering();
        const { object } = world.split(index);
        if (found !== null && object === null) throw new TerminalError('sim: the VirtualService is not found');
        if (found?.metadata.resourceVersion !== object?.metadata.resourceVersion)
          throw new ConflictError('the VirtualService changed in between');
        // What takes place later finds the object as it was when it was sent; what is known by now was not known then.
        if (!calls.isLate) listening.splitting(instance, index, split, fence);
        world.setVirtualService(index, rewritten(found, route, split, fence), 'sluice', 'ours');
      };
      await calls.call(instance, 'router.writeSplit', write, what);
    },
  };
}

/** Which side of a subset route these Services are, and whether any of their pods is there; null where they are none of one. */
export function subsetsBehind(
  { state }: Outside['world'],
  services: readonly ServiceReading[],
): { readonly side: Side; readonly isServed: boolean } | null {
  const [first] = services;
  const subset = first === undefined ? null : subsetOf(first);
  if (first === undefined || subset === null) return null;
  const splits = services.flatMap((service) => state.splits.filter(({ route }) => route.host === service.name));
  const side = splits[0]?.route.to === subset ? 'target' : 'source';
  return {
    side,
    isServed: services.some((one, at) => splits[at] !== undefined && hasPod(splits[at], subsetOf(one) ?? '')),
  };
}
