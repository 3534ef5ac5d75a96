import type { Command } from 'commander'
import type { CommandFrame } from '../records/commands.ts'
import { createLedgerClient } from './client.ts'

/** Commands on ledgers: by the admin API of a running control, and without any of it on what was exported. */
export function addLedgerCommands(program: Command, { run, remote, targetOf }: CommandFrame): void {
  const ledger = program.command('ledger').description('records that cannot be altered')
  const local = (name: string, description: string) => ledger.command(name).description(description).option('--json', 'print JSON for programs')
  const leaf = (name: string, description: string) => remote(local(name, description))
  const client = (options: any) => createLedgerClient(targetOf(options))
  const commands = () => import('./run-ledger.ts')

  leaf('list', 'ledgers, and how far each is signed and witnessed').action(run(async (output, options) => (await commands()).runLedgerList(client(options), output)))
  leaf('verify', 'read a ledger, all ledgers when none is named, or an export; fails at the first record that is not as it was written').argument('[ledger]')
    .option('--from <number>', 'first record of a range').option('--to <number>', 'its last').option('--entry <number>', 'one record: its period is read, and its proof is checked and printed as JSON with --json')
    .option('--file <export>', 'what `ledger export` wrote, in place of a running control').option('--key <pem...>', 'public keys that are trusted, with --file').option('--anchors <file...>', 'what a file anchor holds, with --file')
    .action(run(async (output, name, options) => (await commands()).runLedgerVerify(options.file === undefined ? client(options) : undefined, name, options, output)))
  leaf('prove', 'write the proof of one record').argument('<ledger>').argument('<number>').option('--out <file>', 'stdout when absent')
    .action(run(async (output, name, number, options) => (await commands()).runLedgerProve(client(options), name, number, options, output)))
  leaf('prove-growth', 'write the proof that a ledger has only grown between two periods').argument('<ledger>').argument('<from>').argument('[to]', 'the newest when absent').option('--out <file>', 'stdout when absent')
    .action(run(async (output, name, from, to, options) => (await commands()).runLedgerProveGrowth(client(options), name, from, to, options, output)))
  local('check', 'check a proof with nothing but the public key').argument('<proof>').option('--key <pem...>', 'public keys that are trusted; the one in the proof when absent, which is told').option('--tsa <pem...>', 'certificates of time stamp authorities: checks their signatures too')
    .action(run(async (output, file, options) => (await commands()).runLedgerCheck(file, options, output)))
  leaf('export', 'write a ledger to a file that can be verified without control').argument('<ledger>').argument('<file>', 'JSON lines; `-` for stdout')
    .action(run(async (output, name, file, options) => (await commands()).runLedgerExport(client(options), name, file, output)))
  leaf('key', 'print the public key that signs periods').action(run(async (output, options) => (await commands()).runLedgerKey(client(options), output)))
}
