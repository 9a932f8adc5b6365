import type { MigrationView } from '../../domain/view.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';

export const demoFaults = ['none', 'errors', 'probe', 'abort', 'crash'] as const;
export type DemoFault = (typeof demoFaults)[number];

/** What is to go wrong, what it is called, and how the demo has to end because of it. */
export interface FaultPlan {
  readonly title: string;
  readonly endState: 'completed' | 'rolledBack';
  /** Looks at the migration and strikes when its time has come; says in words what it did, null where nothing. */
  strike(view: MigrationView): Promise<string | null>;
}

type Send = (path: string) => Promise<unknown>;

/** Half of the traffic, and baking: the moment in which a failing target hurts most people. */
const isHalfWay = (view: MigrationView): boolean => view.step === 2 && view.state === 'progressing.baking';

export function faultPlan(fault: DemoFault, sandbox: Sandbox, send: Send): FaultPlan {
  switch (fault) {
    case 'none':
      return { title: 'nothing goes wrong', endState: 'completed', strike: async () => null };
    case 'errors':
      return once('the target starts failing requests at 50 per cent', isHalfWay, async () => {
        await sandbox.controls.setGateway('target', { errorRate: 0.3 });
        return 'the target now fails 30 per cent of its requests';
      });
    case 'probe':
      return once('the target stops answering probes at 50 per cent', isHalfWay, async () => {
        await sandbox.controls.setGateway('target', { probes: false });
        return 'the target no longer answers probes';
      });
    case 'abort':
      return once('a person aborts at 50 per cent', isHalfWay, async (view) => {
        await send(`/v1/migrations/${view.name}/abort`);
        return 'a person aborted';
      });
    case 'crash':
      return crashes(sandbox);
    default:
      return fault satisfies never;
  }
}

function once(
  title: string,
  isTime: (view: MigrationView) => boolean,
  act: (view: MigrationView) => Promise<string>,
): FaultPlan {
  let isDone = false;
  return {
    title,
    endState: 'rolledBack',
    strike: async (view) => {
      if (isDone || !isTime(view)) return null;
      isDone = true;
      return act(view);
    },
  };
}

/** Kills every function instance once in each shift, after its first write went out and before the shift is verified. */
function crashes(sandbox: Sandbox): FaultPlan {
  const struck = new Set<number>();
  return {
    title: 'the function instances are killed in the middle of every shift',
    endState: 'completed',
    strike: async (view) => {
      const isMidShift = view.state === 'progressing.shifting' && /written|controller/.test(view.waitingFor ?? '');
      if (!isMidShift || struck.has(view.step)) return null;
      struck.add(view.step);
      await sandbox.controls.putFaults([{ where: 'functions', kind: 'kill', forMs: 1 }]);
      return `every function instance was killed in the middle of shift ${view.step}`;
    },
  };
}
