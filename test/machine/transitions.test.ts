import { describe, expect, it } from 'vitest';
import { eventTypes, machineEventTypes, page, rows, stateNames } from './table.ts';

describe('the table of every state with every event', () => {
  it('is the one that was reviewed: after a change of the machine read test/machine/transitions.md, then write it with -u', async () => {
    await expect(page()).toMatchFileSnapshot('transitions.md');
  });
  it('has a section for every state, and in it a row or the word ignored for every event', () => {
    const sections = page().split('\n## ').slice(1);
    expect(sections.map((section) => section.split('\n')[0])).toEqual(stateNames);
    for (const section of sections) {
      if (section.includes('Final: every event is ignored.') || section.includes('| always |')) continue;
      const ignored = /Ignored: (.*)\./.exec(section)?.[1]?.split(', ') ?? [];
      const handled = [...section.matchAll(/^\| ([\w.]+) \|/gm)].map(([, event = '']) => event);
      expect([...new Set([...handled, ...ignored])].sort()).toEqual(expect.arrayContaining([...eventTypes].sort()));
    }
  });
  it('knows every event that the machine names', () => {
    expect(machineEventTypes.filter((type) => !eventTypes.includes(type))).toEqual([]);
    expect(eventTypes.filter((type) => !rows.some(({ event }) => event === type))).toEqual([]);
  });
  it('tells apart what an unguarded row would hide', () => {
    for (const state of stateNames) {
      for (const event of eventTypes) {
        const guards = rows.filter((row) => row.state === state && row.event === event).map(({ guard }) => guard);
        const open = guards.findIndex((guard) => guard === '' || guard.startsWith('(of '));
        expect(open === -1 || open === guards.length - 1, `${state} ${event}: a row after one without a guard`).toBe(
          true,
        );
      }
    }
  });
});
