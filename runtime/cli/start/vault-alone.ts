import { join } from 'node:path'
import { variableOf, type Settings } from '../../settings.ts'
import { CommandFailed, exitCodes } from '../outcome.ts'
import { ChildFailed, createChild } from './child.ts'
import { childEnvironment, makeVaultFolders, projectDir, vaultDir, vaultFlags } from './plan.ts'
import { busyPortSentence } from './port.ts'

/** `sluice vault`: one vault process under Node's permission model, started again when it dies. */
export async function runVaultAlone(settings: Settings): Promise<number> {
  makeVaultFolders(settings)
  const child = createChild({
    name: 'vault',
    file: join(projectDir, 'runtime', 'cli', 'vault-process.ts'),
    execArgv: vaultFlags(settings),
    env: () => childEnvironment('vault', settings, join(vaultDir(settings), 'cache')),
    forbidCores: true,
    logsTo: 'stdout',
  }, {
    ready: ({ url }) => void process.stdout.write(`The vault answers at ${url}.\n`),
    heard() {},
    died: (how, againMs) => void process.stderr.write(`The vault ended (${how}) and is started again in ${againMs} ms.\n`),
  })
  const stopAsked = new Promise<void>((settle) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => settle())
    process.on('disconnect', () => {
      child.kill()
      settle()
    })
  })
  try {
    const started = child.start()
    await Promise.race([started, stopAsked])
    await stopAsked
    started.catch(() => {})
    await child.stop(settings.drainLimitMs)
    return exitCodes.done
  } catch (thrown) {
    await child.stop(0)
    if (!(thrown instanceof ChildFailed)) throw thrown
    throw new CommandFailed(thrown.busyPort === undefined ? thrown.message : await busyPortSentence(variableOf(thrown.busyPort === settings.vaultOpsPort ? 'vaultOpsPort' : 'vaultPort'), thrown.busyPort))
  }
}
