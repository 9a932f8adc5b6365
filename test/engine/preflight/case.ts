import type { Check } from '../../../src/engine/preflight/check.ts';
import type { Scene } from '../../fixtures/scene.ts';

/** One state that a check does not pass: what is wrong, what is said of it, and what is to be pasted. */
export interface Case {
  readonly id: string;
  readonly status: Exclude<Check['status'], 'pass'>;
  readonly when: string;
  readonly spoil: (scene: Scene) => void;
  readonly found: RegExp;
  /** Null: no command helps. */
  readonly remedy: RegExp | null;
}

/** The same in short. */
export type Row = readonly [
  id: string,
  status: Case['status'],
  when: string,
  spoil: (scene: Scene) => void,
  found: RegExp,
  remedy: RegExp | null,
];
