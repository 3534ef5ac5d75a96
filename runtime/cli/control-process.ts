import { loadSettings } from '../settings.ts'
import { runControl } from './run-control.ts'

// Started by the supervisor; its environment holds every setting of the control plane and nothing else.
await runControl(loadSettings(), { samples: process.argv.includes('--samples'), supervised: true })
