import type { CarrierWeights } from '../domain/agreement.ts';
import type { Baseline } from '../domain/baseline.ts';
import type { NudgeMark, ServiceReading, SideReading, WriteMark } from '../domain/observation.ts';
import type { Route, Side, SideRef } from '../domain/spec.ts';
import type { Split, SubsetObservation, SubsetRoute } from '../domain/subset-route.ts';
import type { RouteSurvey } from '../domain/survey.ts';

/**
 * Reads and writes weights: the annotations of gateways, the routes of a mesh. Every method may throw TransientError or
 * TerminalError.
 */
export interface TrafficRouter {
  /** Both sides as the Kubernetes APIs tell them now. A target carrier that cannot be reached reads as null. */
  read(route: Route): Promise<{ readonly source: SideReading; readonly target: SideReading }>;
  /**
   * Writes the weights of one side and the fence, in one patch guarded by resourceVersion; touches nothing else.
   * @param mark is left beside the fence; without it an older one stays
   * @throws FencedError when the object carries a higher fence, ConflictError when it changed in between
   */
  write(route: Route, side: Side, weights: CarrierWeights, fence: number, mark?: WriteMark): Promise<void>;
  /**
   * Raises the fence of one side and touches nothing else, in one patch guarded by resourceVersion: whoever writes with a
   * lower one is kept out from then on.
   * @throws FencedError when the object carries a higher fence, ConflictError when it changed in between
   */
  seal(route: Route, side: Side, fence: number): Promise<void>;
  /**
   * Makes the cloud controller look again at the Services of one side: one annotation and the fence, and no weight. An
   * IstioGateway carries it to its Services, because the ASM controller may put back what is edited there (reference C3).
   * @param mark says what the nudge is for; the same nudge again changes nothing
   * @throws FencedError when the object carries a higher fence, ConflictError when it changed in between
   */
  nudge(route: Route, side: Side, mark: NudgeMark, fence: number): Promise<void>;
  /** The subsets of a host as the mesh's API server and the clusters tell them now. */
  readSplit(route: SubsetRoute): Promise<SubsetObservation>;
  /**
   * Writes the weights of the http route that leads to the host, and the fence, in one patch guarded by
   * resourceVersion; every other route stays. Where there is no VirtualService yet, one is made with this route alone.
   * @throws FencedError when the object carries a higher fence, ConflictError when it changed in between
   */
  writeSplit(route: SubsetRoute, split: Split, fence: number): Promise<void>;
  /** What stands around a route, for its preflight. What may not be read is told as missing. */
  survey(route: Route): Promise<RouteSurvey>;
  /** The Services of one side wherever they are found, to learn their CLBs, ports and groups. */
  discover(side: SideRef): Promise<readonly ServiceReading[]>;
  /** Writes the way back beside the source Services, where it can be read without our store. */
  keepBaseline(name: string, baseline: Baseline, fence: number): Promise<void>;
  /** The kept way back, null where there is none (or it was emptied). */
  readBaseline(name: string): Promise<Baseline | null>;
  /**
   * Empties the kept way back; the ConfigMap itself stays (rule 10).
   * @throws RescuedError when the watchdog noted a higher fence on it, because it brings it back without the store
   */
  emptyBaseline(name: string, baseline: Baseline, fence: number): Promise<void>;
}
