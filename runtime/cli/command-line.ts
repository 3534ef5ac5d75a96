import { Command, CommanderError, Option } from 'commander'
import { commandEnvironment, describeSettings, loadSettings, settingNames, settingSchemas, SettingsError, variableOf, type Settings } from '../settings.ts'
import { CommandFailed, createOutput, exitCodes, type Output } from './outcome.ts'
import { projectVersion } from './project-version.ts'
import { addLedgerCommands } from './ledger/commands.ts'
import { addRecordCommands } from './records/commands.ts'
import { addVaultCommands } from './vault/commands.ts'

/** Runs one command. Resolves with the exit code; modules of a command are loaded when it is called. */
export async function runCommandLine(words: readonly string[]): Promise<number> {
  let code: number = exitCodes.done
  const program = describeProgram((next) => {
    code = next
  })
  try {
    await program.parseAsync([...words], { from: 'user' })
    return code
  } catch (thrown) {
    return explain(thrown, words.includes('--json'))
  }
}

function describeProgram(exit: (code: number) => void): Command {
  const version = projectVersion()
  const program = new Command('sluice')
    .description('Draw an API in the browser, deploy it hot, serve it sandboxed.')
    .version(version)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', '\nSettings come from the environment and from sluice.json; docs/settings.md lists them.\nExit codes: 0 done, 1 refused or failed, 2 wrong usage or settings.')

  /** A command; all of them know `--json`. */
  const command = (name: string, description: string): Command => program.command(name).description(description).option('--json', 'print JSON for programs')
  const run = (action: (output: Output, ...rest: any[]) => Promise<number | void>) => async (...received: any[]) => {
    const self = received.at(-1) as Command
    const output = createOutput(Boolean(self.optsWithGlobals()['json']), (text) => void process.stdout.write(text), (text) => void process.stderr.write(text))
    exit((await action(output, ...received.slice(0, -1))) ?? exitCodes.done)
  }

  command('start', 'run control, gateway and samples on this machine until Ctrl-C')
    .option('--dev', 'restart what changed when a file of the project changes')
    .action(run(async (output, options: { dev?: boolean }) => {
      const { runStart } = await import('./start/command.ts')
      return runStart({ settings: loadSettings(), version, json: output.json, dev: options.dev === true })
    }))

  command('control', 'run the control process alone: editor, pages, admin API, store')
    .action(run(async () => {
      const { runControl } = await import('./run-control.ts')
      return runControl(loadSettings(), { samples: false })
    }))

  command('gateway', 'run one gateway process alone; it pulls its flows from SLUICE_CONTROL_URL')
    .action(run(async () => {
      const { runGatewayAlone } = await import('./start/gateway-alone.ts')
      return runGatewayAlone(loadSettings())
    }))

  command('auth', 'run the authorization server alone, on the records of the data folder or of PostgreSQL')
    .action(run(async () => (await import('./run-auth.ts')).runAuth(loadSettings())))

  const vault = command('vault', 'run a vault alone: what tokens stand for, keys and secrets, for gateways and control; or look after one')
    .action(run(async () => (await import('./start/vault-alone.ts')).runVaultAlone(loadSettings())))

  command('check', 'compile flow files and say what is wrong, without running anything')
    .argument('<file...>', 'flow JSON as the editor exports it')
    .action(run(async (output, files: string[]) => (await import('./check.ts')).runCheck(files, output)))

  remote(command('deploy', 'put the flows of files live; flows that the files do not hold stay as they are'))
    .argument('[file...]', 'flow JSON as the editor exports it')
    .option('--watch <dir>', 'deploy every flow file below a folder, again whenever one changes')
    .option('--replace', 'the files are everything: remove flows that they do not hold')
    .option('--comment <text>', 'said in the release history')
    .action(run(async (output, files: string[], options: RemoteOptions & { watch?: string; replace?: boolean; comment?: string }) =>
      (await import('./deploy.ts')).runDeploy({ files, ...options, target: targetOf(options) }, output)))

  remote(command('rollback', 'put an earlier release live again; the one before the current when none is named'))
    .argument('[release]', 'number of the release')
    .option('--comment <text>', 'said in the release history')
    .option('--flow <id>', 'only this tab or subflow; what others deployed since stays')
    .action(run(async (output, release: string | undefined, options: RemoteOptions & { comment?: string; flow?: string }) =>
      (await import('./rollback.ts')).runRollback({ release, comment: options.comment, flow: options.flow, target: targetOf(options) }, output)))

  command('test', 'run the cases.json of flows through the real front, with upstreams played from the cases')
    .argument('[dir]', 'a folder of flows, or one flow’s folder', 'flows')
    .option('--only <text>', 'only cases whose name holds this text')
    .action(run(async (output, dir: string, options: { only?: string }) => (await import('./test-flows.ts')).runTest(dir, options, output)))

  remote(command('token', 'sign in and print a token for `deploy` and `rollback` (password from stdin or a prompt)'), false)
    .option('--user <name>', 'user to sign in as', 'admin')
    .action(run(async (output, options: RemoteOptions & { user: string }) => (await import('./token.ts')).runToken(urlOf(options), options.user, output)))

  const password = program.command('password').description('passwords of the data folder')
  password.command('reset').description('give admin a new generated password; control must not be running').option('--json', 'print JSON for programs')
    .action(run(async (output) => (await import('./password.ts')).runPasswordReset(loadSettings(), output)))

  const store = program.command('store').description('move the store between SQLite and PostgreSQL, or back it up')
  store.command('export').description('write everything in the store to a file').argument('<file>', 'JSON lines; `-` for stdout').option('--json', 'print JSON for programs')
    .action(run(async (output, file: string) => (await import('./store.ts')).runExport(loadSettings(), file, output)))
  store.command('import').description('fill an empty store from a file').argument('<file>', 'what export wrote').option('--json', 'print JSON for programs')
    .action(run(async (output, file: string) => (await import('./store.ts')).runImport(loadSettings(), file, output)))

  addRecordCommands(program, { run, remote, targetOf })
  addLedgerCommands(program, { run, remote, targetOf })
  addVaultCommands(vault, { run, remote, targetOf })

  command('health', 'ask what runs on this machine whether it is well; for containers')
    .action(run(async (output) => (await import('./health.ts')).runHealth(loadSettings(), output)))

  command('settings', 'print the settings in force, without secrets')
    .addOption(new Option('--markdown', 'print the settings page of the manual instead'))
    .action(run(async (output, options: { markdown?: boolean }) => {
      if (options.markdown) process.stdout.write(describeSettings())
      else printSettings(loadSettings(), output)
    }))

  return program
}

interface RemoteOptions {
  readonly url?: string
  readonly token?: string
}

/** Options of commands that talk to a running control. */
function remote(command: Command, withToken = true): Command {
  command.option('--url <url>', 'where control runs (default: SLUICE_CONTROL_URL, else this machine)')
  if (withToken) command.option('--token <token>', 'what `sluice token` printed (default: SLUICE_TOKEN)')
  return command
}

function urlOf(options: RemoteOptions): string {
  if (options.url) return options.url.replace(/\/+$/, '')
  const settings = loadSettings()
  return (settings.controlUrl ?? `${settings.controlTlsCertFile ? 'https' : 'http'}://127.0.0.1:${settings.controlPort}`).replace(/\/+$/, '')
}

function targetOf(options: RemoteOptions): { url: string; token: string } {
  const token = options.token ?? commandEnvironment().token
  if (!token) throw new CommandFailed('A token is needed: run `sluice token` and give what it prints with --token or SLUICE_TOKEN.', {}, exitCodes.usage)
  return { url: urlOf(options), token }
}

function printSettings(settings: Settings, output: Output): void {
  const shown = settingNames.map((name) => [name, settingSchemas[name].secret && settings[name] !== undefined ? '(set)' : settings[name]] as const)
  output.result(shown.filter(([, value]) => value !== undefined).map(([name, value]) => `${variableOf(name)}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`).join('\n'), Object.fromEntries(shown))
}

function explain(thrown: unknown, json: boolean): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.done : exitCodes.usage // commander has printed its own text
  const code = thrown instanceof CommandFailed ? thrown.code : thrown instanceof SettingsError ? exitCodes.usage : exitCodes.failed
  const known = thrown instanceof CommandFailed || (thrown as Error)?.name === 'StartFailed' || thrown instanceof SettingsError || isRefusal(thrown)
  const text = known ? (thrown as Error).message : String((thrown as Error)?.stack ?? thrown)
  if (json) process.stdout.write(`${JSON.stringify({ ok: false, error: text, ...(thrown instanceof CommandFailed ? thrown.facts : {}) })}\n`)
  else process.stderr.write(`${text}\n`)
  return code
}

/** Refusals of control and faults carry a stable code beside their sentence. */
function isRefusal(thrown: unknown): boolean {
  return thrown instanceof Error && typeof (thrown as { code?: unknown }).code === 'string' && typeof (thrown as { status?: unknown }).status === 'number'
}
