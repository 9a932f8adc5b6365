import { describe, expect, it } from 'vitest';
import { allowedStates, allowedVerbs } from '../../src/engine/allowed.ts';
import { inertEffects } from '../../state-machines/effects.ts';
import { migrationMachine } from '../../state-machines/migration.ts';

interface Node {
  readonly path: readonly string[];
  readonly type: string;
  readonly states: Readonly<Record<string, Node>>;
  readonly config: {
    readonly invoke?: unknown;
    readonly after?: Readonly<Record<string, unknown>>;
    readonly always?: unknown;
  };
  readonly ownEvents: readonly string[];
}

function nodes(node: Node = migrationMachine.root as unknown as Node): readonly Node[] {
  return [node, ...Object.values(node.states).flatMap(nodes)];
}

/** A state that rests on its own or inside one that has what is asked. */
function withParents(node: Node): readonly Node[] {
  return nodes().filter((one) => node.path.slice(0, one.path.length).join('.') === one.path.join('.'));
}

describe('the shape of the machine', () => {
  it('has no invoke and no history: neither survives being stored', () => {
    expect(nodes().filter(({ config, type }) => config.invoke !== undefined || type === 'history')).toEqual([]);
  });
  it('names every delay, so that a timer keeps its id when its length changes', () => {
    const delays = nodes().flatMap(({ config }) => Object.keys(config.after ?? {}));
    expect(delays.length).toBeGreaterThan(5);
    expect(delays.filter((delay) => !Number.isNaN(Number(delay)))).toEqual([]);
  });
  it('gives every state that is not final a time bound or a way out by a person', () => {
    const resting = nodes().filter(
      (node) => Object.keys(node.states).length === 0 && node.type !== 'final' && !node.config.always,
    );
    expect(resting.length).toBeGreaterThan(8);
    for (const node of resting) {
      const bounded = withParents(node).some(({ config }) => config.after !== undefined);
      expect(bounded || allowedVerbs(node.path.join('.')).length > 0, node.path.join('.')).toBe(true);
    }
  });
  it('can be taken back from every state in which traffic may have moved', () => {
    for (const state of ['progressing.shifting', 'progressing.baking', 'progressing.gated', 'held', 'paused']) {
      expect(allowedVerbs(state), state).toContain('abort');
    }
    expect(allowedStates('rollback')).toEqual(expect.arrayContaining(['completed', 'stuck']));
  });
  it('uses no effect that the engine does not know', () => {
    expect(Object.keys(inertEffects).sort()).toEqual(
      [
        'count',
        'emptyBaseline',
        'finish',
        'keepBaseline',
        'preflight',
        'restore',
        'shift',
        'tell',
        'tryGlass',
        'watch',
      ].sort(),
    );
  });
});
