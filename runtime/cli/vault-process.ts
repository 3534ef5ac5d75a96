import { loadSettings } from '../settings.ts'
import { runVault } from './run-vault.ts'

// Started by the supervisor; its environment holds the settings of the vault and nothing else.
await runVault(loadSettings(), { supervised: true })
