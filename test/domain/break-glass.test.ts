import { expect, it } from 'vitest';
import { glassMoves } from '../../src/domain/break-glass.ts';
import { cautious } from '../../src/domain/shift.ts';
import { aGoal, anObservation, aRoute } from '../fixtures/builders.ts';

const baseline = {
  route: aRoute(),
  ...aGoal('80', '0'),
  services: { source: [], target: [] },
  sourcePods: 3,
} as const;

it('breaks glass for the target first where the baseline lowers the source, so that the share does not rise', () => {
  // A step had raised the source from 80 to 100: seed 296 of the simulator.
  const split = anObservation({ weight: '100' }, { weight: '100' });
  expect(glassMoves(split, baseline, cautious).map(({ side }) => side)).toEqual(['target']);
  const gone = anObservation({ weight: '100' }, { weight: '0' });
  expect(glassMoves(gone, baseline, cautious).map(({ side }) => side)).toEqual(['source']);
});

it('and for the source first where the baseline raises it', () => {
  const split = anObservation({ weight: '0' }, { weight: '100' });
  expect(glassMoves(split, baseline, cautious).map(({ side }) => side)).toEqual(['source']);
});

it('breaks no glass where the baseline would leave nothing with weight', () => {
  // Somebody had set the source to 0 as the baseline was taken: seed 13631 of the simulator.
  const dark = { ...baseline, ...aGoal('0', '0') };
  const back = anObservation({ weight: '100' }, { weight: '0' });
  expect(glassMoves(back, dark, cautious)).toEqual([]);
  const split = anObservation({ weight: '100' }, { weight: '100' });
  expect(glassMoves(split, dark, cautious).map(({ side }) => side)).toEqual(['target']);
});
