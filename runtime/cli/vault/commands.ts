import { Option, type Command } from 'commander'
import type { CommandFrame } from '../records/commands.ts'
import { keyAlgorithms, keyKinds } from '../../../vault/words/key-kinds.ts'
import { createVaultAdminClient, type VaultAdminClient } from './client.ts'

/** Commands on what is in a vault, by the admin API of a running control; `vault` itself runs one. */
export function addVaultCommands(vault: Command, { run, remote, targetOf }: CommandFrame): void {
  const leaf = (parent: Command, name: string, description: string) => remote(parent.command(name).description(description).option('--json', 'print JSON for programs'))
  const client = (options: any): VaultAdminClient => createVaultAdminClient(targetOf(options))

  leaf(vault, 'status', 'how the vault is, and what a rotation has still to seal anew')
    .action(run(async (output, options) => (await import('./status.ts')).runVaultStatus(client(options), output)))
  leaf(vault, 'rotate-master-key', 'make a new master key; what older ones wrapped is wrapped anew in the background')
    .action(run(async (output, options) => (await import('./status.ts')).runRotateMasterKey(client(options), output)))

  const domains = vault.command('domains').description('where tokens are unique, and who may see what they stand for')
  const part = (command: Command) => command.option('--clearance <label...>', 'of which a viewer must have one').option('--purpose <word...>', 'that grants may name').option('--ttl <duration>', 'how long tokens live, such as 90d').option('--guesses <count>', 'comparisons of a client that may come out different in a minute').option('--description <text>', 'for people')
  leaf(domains, 'list', 'list domains').action(run(async (output, options) => (await import('./domains.ts')).runDomainsList(client(options), output)))
  leaf(domains, 'show', 'one domain, and who may see its values').argument('<domain>').action(run(async (output, name, options) => (await import('./domains.ts')).runDomainsShow(client(options), name, output)))
  part(leaf(domains, 'add', 'make a domain')).argument('<domain>', 'lower case letters, digits and . _ -').action(run(async (output, name, options) => (await import('./domains.ts')).runDomainsAdd(client(options), name, options, output)))
  part(leaf(domains, 'change', 'change a domain; what is not said stays')).argument('<domain>').action(run(async (output, name, options) => (await import('./domains.ts')).runDomainsChange(client(options), name, options, output)))
  leaf(domains, 'rotate', 'make a new data key; tokens stay as they are').argument('<domain>').action(run(async (output, name, options) => (await import('./domains.ts')).runDomainsRotate(client(options), name, output)))
  leaf(domains, 'shred', 'make every value of a domain unreadable, for good').argument('<domain>').requiredOption('--confirm <domain>', 'its name again')
    .action(run(async (output, name, options) => (await import('./domains.ts')).runDomainsShred(client(options), name, options, output)))
  leaf(domains, 'shred-subject', 'make every value of one data subject unreadable, for good; the subject comes from stdin or a prompt').argument('<domain>')
    .action(run(async (output, name, options) => (await import('./domains.ts')).runDomainsShredSubject(client(options), name, output)))

  const grants = vault.command('grants').description('which application may see values of which domain, for what')
  leaf(grants, 'list', 'list grants').option('--application <id>', 'of this application only').option('--domain <domain>', 'of this domain only')
    .action(run(async (output, options) => (await import('./grants.ts')).runGrantsList(client(options), options, output)))
  leaf(grants, 'add', 'let an application see values of a domain').argument('<application>').argument('<domain>').requiredOption('--purpose <word>', 'one of the domain’s').option('--until <time>', 'RFC 3339')
    .action(run(async (output, application, domain, options) => (await import('./grants.ts')).runGrantsAdd(client(options), application, domain, options, output)))
  leaf(grants, 'remove', 'take a grant back').argument('<id>').action(run(async (output, id, options) => (await import('./grants.ts')).runGrantsRemove(client(options), id, output)))
  for (const [name, agree, description] of [['agree', true, 'agree to a grant that somebody asked for'], ['turn-down', false, 'turn a grant down that somebody asked for']] as const) {
    leaf(grants, name, description).argument('<id>').action(run(async (output, id, options) => (await import('./grants.ts')).runGrantsDecide(client(options), id, agree, output)))
  }

  const keys = vault.command('keys').description('keys by name; their material stays in the vault')
  leaf(keys, 'list', 'list keys').action(run(async (output, options) => (await import('./keys.ts')).runVaultKeysList(client(options), output)))
  const made = (command: Command) => command.argument('<key>', 'lower case letters, digits and . _ -')
    .addOption(new Option('--kind <kind>', 'what it is').choices(keyKinds).makeOptionMandatory(command.name() === 'create'))
    .addOption(new Option('--algorithm <algorithm>', 'the one thing it does; signs by default where it can').choices(keyAlgorithms))
    .option('--set <name>', 'key set whose public halves are published together')
  const schedule = (command: Command) => command.option('--every <days>', 'the vault replaces it by itself, such as 90d; or never').option('--keep-old <days>', 'for how long versions that were replaced go on decrypting and verifying; or forever')
  schedule(made(leaf(keys, 'create', 'make a key'))).action(run(async (output, name, options) => (await import('./keys.ts')).runVaultKeysCreate(client(options), name, options, output)))
  made(leaf(keys, 'import', 'import a key that was made elsewhere; from stdin or a prompt: PEM, a JWK, or base64url of a secret, whose kind has to be said')).action(run(async (output, name, options) => (await import('./keys.ts')).runVaultKeysImport(client(options), name, options, output)))
  leaf(keys, 'rotate', 'make a new version; older ones go on decrypting and verifying').argument('<key>').action(run(async (output, name, options) => (await import('./keys.ts')).runVaultKeysRotate(client(options), name, output)))
  schedule(leaf(keys, 'schedule', 'say when the vault replaces a key by itself').argument('<key>')).action(run(async (output, name, options) => (await import('./keys.ts')).runVaultKeysSchedule(client(options), name, options, output)))
  for (const [act, description] of [['disable', 'switch a key off: who uses it is answered 409'], ['enable', 'switch a key on again']] as const) {
    leaf(keys, act, description).argument('<key>').option('--key-version <number>', 'this version only')
      .action(run(async (output, name, options) => (await import('./keys.ts')).runVaultKeysSwitch(client(options), name, act, options, output)))
  }
  leaf(keys, 'uses', 'who used a key, counted by the hour; refused uses too').argument('<key>').option('--limit <count>', '1 to 1000', '100').action(run(async (output, name, options) => (await import('./keys.ts')).runVaultKeysUses(client(options), name, options, output)))
  leaf(keys, 'public', 'print the public halves of a key set (JWKS)').argument('<set>').action(run(async (output, name, options) => (await import('./keys.ts')).runVaultKeysPublic(client(options), name, output)))

  const certificates = vault.command('certificates').description('certificates that are watched for their end')
  leaf(certificates, 'list', 'list them, the one that ends first first').action(run(async (output, options) => (await import('./certificates.ts')).runCertificatesList(client(options), output)))
  leaf(certificates, 'import', 'import a certificate, or its renewal').argument('<name>').argument('<file>', 'PEM; - for stdin').option('--new', 'only where there is none of this name yet').action(run(async (output, name, file, options) => (await import('./certificates.ts')).runCertificatesImport(client(options), name, file, options, output)))
  leaf(certificates, 'remove', 'watch it no more').argument('<name>').action(run(async (output, name, options) => (await import('./certificates.ts')).runCertificatesRemove(client(options), name, output)))

  const secrets = vault.command('secrets').description('secrets by name; values go in and never come out')
  leaf(secrets, 'list', 'list secrets').action(run(async (output, options) => (await import('./secrets.ts')).runSecretsList(client(options), output)))
  leaf(secrets, 'set', 'set a secret, or its next value; the value comes from stdin or a prompt').argument('<name>').option('--description <text>', 'for people').option('--new', 'only where there is none of this name yet').action(run(async (output, name, options) => (await import('./secrets.ts')).runSecretsSet(client(options), name, options, output)))
  leaf(secrets, 'remove', 'remove a secret').argument('<name>').action(run(async (output, name, options) => (await import('./secrets.ts')).runSecretsRemove(client(options), name, output)))

  const reveals = vault.command('reveals').description('who saw or compared what, and who was refused')
  const filters = (command: Command) => command.option('--domain <domain>', 'of this domain only').option('--client <application>', 'by this application only')
  filters(leaf(reveals, 'list', 'the newest')).option('--limit <count>', '1 to 200', '50').action(run(async (output, options) => (await import('./reveals.ts')).runRevealsList(client(options), options, output)))
  filters(leaf(reveals, 'export', 'print them as CSV, oldest first')).option('--out <file>', 'instead of stdout').option('--after <number>', 'begin behind this one').action(run(async (output, options) => (await import('./reveals.ts')).runRevealsExport(client(options), options, output)))
  leaf(reveals, 'verify', 'read the whole record; fails at the first entry that was tampered with').action(run(async (output, options) => (await import('./reveals.ts')).runRevealsVerify(client(options), output)))
}
