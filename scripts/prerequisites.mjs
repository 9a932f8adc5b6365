// Makes sure that the programs the tests drive are there: redis-server, kubectl and prometheus. On Debian or Ubuntu, as root,
// what is missing is installed; elsewhere one line says how to get it. The tests never skip, so a missing program fails here.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const tools = [
  {
    program: 'redis-server',
    debianPackage: 'redis-server',
    elsewhere: 'https://redis.io/docs/latest/operate/oss_and_stack/install/',
  },
  { program: 'kubectl', debianPackage: 'kubernetes-client', elsewhere: 'https://kubernetes.io/docs/tasks/tools/' },
  { program: 'prometheus', debianPackage: 'prometheus', elsewhere: 'https://prometheus.io/download/' },
];
const installMsMax = 10 * 60 * 1000;
const policyFile = '/usr/sbin/policy-rc.d';

const missing = tools.filter(({ program }) => whereIs(program) === null);
if (missing.length > 0 && isDebian() && process.getuid?.() === 0) install(missing.map((tool) => tool.debianPackage));
const stillMissing = tools.filter(report);
process.exitCode = stillMissing.length === 0 ? 0 : 1;

/** Prints one line; true when the tool is missing. */
function report({ program, debianPackage, elsewhere }) {
  const path = whereIs(program);
  if (path !== null) {
    console.log(`${program}: ${path}`);
    return false;
  }
  const how = isDebian()
    ? `run as root: apt-get install -y --no-install-recommends ${debianPackage}`
    : `see ${elsewhere}`;
  console.error(`${program} is missing and the tests need it; ${how}`);
  return true;
}

function whereIs(program) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return (
    folders
      .filter(Boolean)
      .map((folder) => join(folder, program))
      .find(isProgram) ?? null
  );
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isDebian() {
  if (!existsSync('/etc/os-release')) return false;
  const release = readFileSync('/etc/os-release', 'utf8');
  return /^(ID|ID_LIKE)=.*\b(debian|ubuntu)\b/m.test(release);
}

function install(packages) {
  console.log(`installing by apt: ${packages.join(', ')}`);
  // The packages would start a Redis and a Prometheus on their usual ports; the tests start their own. Exit 101 is "not allowed" in Debian's
  // policy for starting services. A policy that is there already stays.
  const isOurs = !existsSync(policyFile);
  if (isOurs) writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
      const { status, error } = spawnSync('apt-get', ['-q', ...args], {
        stdio: ['ignore', 'inherit', 'inherit'],
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
        timeout: installMsMax,
      });
      if (status === 0) continue;
      console.error(`apt-get ${args.join(' ')} failed: ${error?.message ?? `exit ${status}`}`);
      return;
    }
  } finally {
    if (isOurs) rmSync(policyFile, { force: true });
  }
}
