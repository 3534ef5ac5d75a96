import { loadSettings } from '../settings.ts'
import { runAuth } from './run-auth.ts'

// Started by the supervisor; its environment holds the settings of the control plane without the administrator's password.
await runAuth(loadSettings(), { supervised: true })
