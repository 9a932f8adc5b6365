import { type Front, openFront, type Upstream, type WrongAnswer, wrongAnswers } from './front.ts';
import { type Address, type Gate, type GateOptions, openGate, type WireFault } from './gate.ts';

/** What goes wrong between the functions and one other part: on the wire, or in what is answered. */
export type Fault = WireFault | { readonly kind: 'answer'; readonly what: WrongAnswer };

/** The way from the functions to one other part. */
export interface Link {
  readonly port: number;
  /** Only where HTTP is spoken: the door in front of the part itself. */
  readonly front: Front | null;
  set(fault: Fault): void;
  stop(): Promise<void>;
}

/** A way of which only the connections are known. */
export async function wire(options: GateOptions): Promise<Link> {
  return linkOf(await openGate(options), null);
}

/** A way on which HTTP is spoken, with TLS or without. */
export async function httpWay(isTls: boolean, upstream: () => Upstream): Promise<Link> {
  const front = await openFront(isTls, upstream);
  return linkOf(await openGate({ upstream: (): Address => ({ host: '127.0.0.1', port: front.port }) }), front);
}

function linkOf(gate: Gate, front: Front | null): Link {
  return {
    port: gate.port,
    front,
    set: (fault) => {
      if (fault.kind === 'answer' && front === null) throw new Error('there is nobody here who could answer');
      front?.set(fault.kind === 'answer' ? fault.what : null);
      gate.set(fault.kind === 'answer' ? { kind: 'pass' } : fault);
    },
    stop: async () => {
      await gate.stop();
      await front?.stop();
    },
  };
}

/** Each wrong answer as a fault. */
export const answers: readonly Fault[] = wrongAnswers.map((what) => ({ kind: 'answer', what }));

/** A fault in words, for reports. */
export function inWords(fault: Fault): string {
  switch (fault.kind) {
    case 'pass':
      return 'nothing';
    case 'reset':
      return 'resets';
    case 'blackHole':
      return 'a black hole';
    case 'delay':
      return `${fault.ms} ms of delay`;
    case 'cut':
      return `cuts after ${fault.afterBytes} bytes`;
    case 'answer':
      return { half: 'half a body', html: 'HTML', nothing: 'no answer', '410': '410', '429': '429', '500': '500' }[
        fault.what
      ];
    default:
      return fault satisfies never;
  }
}
