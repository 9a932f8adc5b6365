import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { defaultSandboxOptions, readSandboxOptions, sandboxOptionTexts } from '../../src/sandbox/options.ts';

function parsed(...args: readonly string[]) {
  const command = new Command();
  for (const { flags, meaning, preset } of sandboxOptionTexts) command.option(flags, meaning, preset);
  return readSandboxOptions(command.parse([...args], { from: 'user' }).opts());
}

describe('the options of a sandbox', () => {
  it('say the same presets on the command line and in the program', () => {
    expect(parsed()).toEqual({ options: defaultSandboxOptions });
  });

  it('are read with their units', () => {
    const { options } = parsed(
      '--controller-latency',
      '500ms',
      '--mesh-latency',
      '2m',
      '--rate',
      '0.5',
      '--clusters',
      '2',
    ) as {
      options: object;
    };
    expect(options).toMatchObject({
      controllerLatencyMs: 500,
      meshLatencyMs: 120_000,
      ratePerSecond: 0.5,
      clusters: 2,
    });
  });

  it('have one load balancer, and a second one where that is asked for', () => {
    expect(parsed()).toMatchObject({ options: { internal: false } });
    expect(parsed('--internal')).toMatchObject({ options: { internal: true } });
  });

  it.each([
    ['--source-backends', '0'],
    ['--target-backends', '1.5'],
    ['--mode', 'ENI'],
    ['--controller', '2.12'],
    ['--controller-latency', '11m'],
    ['--rate', '1e3'],
    ['--speed', '0'],
    ['--seed', '-1'],
    ['--port', '65536'],
    ['--clusters', '11'],
  ])('refuse %s %s, and name both', (flag, value) => {
    expect(parsed(flag, value)).toEqual({ mistakes: [expect.stringContaining(`${flag} "${value}"`)] });
  });

  it('refuse unequal sides where both share the nodes, and more backends than a load balancer takes', () => {
    expect(parsed('--mode', 'cluster', '--target-backends', '4')).toHaveProperty('mistakes.length', 1);
    expect(parsed('--source-backends', '50', '--target-backends', '50')).toHaveProperty('options');
    expect(parsed('--source-backends', '50', '--target-backends', '51')).toHaveProperty('mistakes.length', 1);
    expect(parsed('--source-backends', '40', '--target-backends', '40', '--clusters', '1')).toHaveProperty(
      'mistakes.length',
      1,
    );
  });
});
