import { Counter, Gauge, Histogram } from 'prom-client';
import { LONG_SECONDS, registry } from './registry.ts';

const registers = [registry];

export const jobWait = new Histogram({
  name: 'sluice_job_wait_seconds',
  help: 'From a job being added to its first worker taking it.',
  labelNames: ['queue'],
  buckets: LONG_SECONDS,
  registers,
});

export const jobRun = new Histogram({
  name: 'sluice_job_run_seconds',
  help: 'From a worker taking a job to it being completed, failed or handed over.',
  labelNames: ['queue', 'outcome'],
  buckets: LONG_SECONDS,
  registers,
});

export const jobsRunning = new Gauge({
  name: 'sluice_jobs_running',
  help: 'Jobs that this process works on now.',
  labelNames: ['queue'],
  registers,
});

export const jobSlots = new Gauge({
  name: 'sluice_job_slots',
  help: 'Jobs that this process works on at the same time at most.',
  labelNames: ['queue'],
  registers,
});

export const jobsStalled = new Counter({
  name: 'sluice_jobs_stalled_total',
  help: 'Jobs whose worker was lost, put back for another one; counted by the process that noticed.',
  labelNames: ['queue'],
  registers,
});

export const jobsAbandoned = new Counter({
  name: 'sluice_jobs_abandoned_total',
  help: 'Jobs given up without an end of their own: their workers were lost too often, or their data made no sense.',
  labelNames: ['queue'],
  registers,
});

export const admissionRefusals = new Counter({
  name: 'sluice_admission_refusals_total',
  help: 'Requests refused because the backlog was full.',
  labelNames: ['queue', 'tenant'],
  registers,
});
