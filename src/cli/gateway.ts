import { type Command, Option } from 'commander';
import { parseDuration } from '../api/values.ts';
import { type ClbOptions, withClb } from './clb-access.ts';
import { checkGatewayFiles } from './gateway-check.ts';
import { diffGatewayFiles } from './gateway-diff.ts';
import { printTarget } from './gateway-print.ts';
import { type KubeconfigOptions, withKubeconfigs } from './kubeconfigs.ts';
import { type ExitCode, type OutputOptions, outputOf, run, WrongUseError, withOutput } from './run.ts';

interface GatewayOptions extends KubeconfigOptions, ClbOptions, OutputOptions {
  readonly file?: string;
  readonly apply?: boolean;
  readonly serverless?: boolean;
  readonly ackId?: readonly string[];
  readonly for: string;
  readonly check?: boolean;
  readonly diff?: boolean;
  readonly asmVersion?: string;
}

const collect = (one: string, before: readonly string[] = []) => [...before, one];

/** `sluice gateway`: the IstioGateway of the target, before anything moves. */
export function gatewayCommand(program: Command): void {
  withOutput(withClb(withKubeconfigs(program.command('gateway')), 'reads the listeners'))
    .description('prints or creates the target’s gateway, checks IstioGateways, tells which changes restart the pods')
    .argument('[files...]', 'for --check and --diff: manifests, YAML (of several documents as well) or JSON')
    .addOption(
      new Option(
        '-f, --file <file>',
        'the migration file: prints its target’s gateway, made after the source',
      ).conflicts(['check', 'diff']),
    )
    .option('--apply', 'with -f: creates what is not there, replaces nothing, and waits for Service and pods')
    .option('--for <duration>', 'with --apply: gives up waiting after so long', '5m')
    .option('--serverless', 'with -f: a gateway whose pods the mesh runs; refused for a route of a load balancer')
    .option('--ack-id <[name=]id>', 'id of a cluster at Alibaba Cloud; needed where the mesh does not tell it', collect)
    .addOption(
      new Option('--check', 'checks every IstioGateway in the files; exit code 1 where one is wrong').conflicts('diff'),
    )
    .option('--diff', 'of an old file and a new one: exit code 1 where a change restarts the pods, or may')
    .option('--asm-version <version>', 'version of the ASM instance, where it is older than 1.16')
    .action((files: readonly string[], options: GatewayOptions) => run(() => gateway(files, options)));
}

async function gateway(files: readonly string[], options: GatewayOptions): Promise<ExitCode> {
  const output = outputOf(options);
  if (options.file === undefined && (options.apply === true || options.serverless === true)) {
    throw new WrongUseError('--apply and --serverless go with -f FILE, the migration file');
  }
  if (options.check === true) {
    if (files.length === 0) throw new WrongUseError('which file? sluice gateway --check FILE...');
    return checkGatewayFiles(files, options.asmVersion, output);
  }
  if (options.diff === true) {
    const [before, after, more] = files;
    if (before === undefined || after === undefined || more !== undefined) {
      throw new WrongUseError('which two files? sluice gateway --diff OLD NEW');
    }
    return diffGatewayFiles([before, after], options.asmVersion, output);
  }
  const { file, apply } = options;
  if (file === undefined || files.length > 0) {
    throw new WrongUseError('what is to be done? Give -f FILE, --check FILE... or --diff OLD NEW');
  }
  const forMs = parseDuration(options.for);
  if (forMs === null) throw new WrongUseError(`--for is a duration such as 5m, not ${options.for}`);
  const { apply: _, ...others } = options;
  return printTarget({ ...others, file, ...(apply === true ? { apply: { forMs } } : {}) }, output);
}
