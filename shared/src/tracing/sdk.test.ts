import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { parseSettings, telemetrySettings } from '../config.ts';
import { chooseSampler } from './sdk.ts';

describe('sampler', () => {
  const nameOf = (env: Record<string, string>) =>
    String(chooseSampler(parseSettings(z.object(telemetrySettings), env)));

  it('is the one that the standard variables name', () => {
    assert.match(nameOf({}), /^ParentBased\{root=AlwaysOnSampler, /);
    assert.match(
      nameOf({ OTEL_TRACES_SAMPLER: 'parentbased_always_off' }),
      /^ParentBased\{root=AlwaysOffSampler, /,
    );
    assert.match(
      nameOf({ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' }),
      /^ParentBased\{root=TraceIdRatioBased\{0\.25\}, /,
    );
    assert.equal(nameOf({ OTEL_TRACES_SAMPLER: 'always_on' }), 'AlwaysOnSampler');
    assert.equal(nameOf({ OTEL_TRACES_SAMPLER: 'always_off' }), 'AlwaysOffSampler');
    assert.equal(nameOf({ OTEL_TRACES_SAMPLER: 'traceidratio' }), 'TraceIdRatioBased{1}');
  });

  it('is asked for by a name that is known, with a share that is one', () => {
    const env = { OTEL_TRACES_SAMPLER: 'jaeger_remote', OTEL_TRACES_SAMPLER_ARG: '2' };
    assert.throws(
      () => nameOf(env),
      /OTEL_TRACES_SAMPLER: must be one of [^]*OTEL_TRACES_SAMPLER_ARG: must be a number/,
    );
  });
});

describe('settings of traces', () => {
  const problemsOf = (env: Record<string, string>) => {
    try {
      parseSettings(z.object(telemetrySettings), env);
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };

  it('refuse what would be lost in silence: gRPC, and pairs that are none', () => {
    assert.match(problemsOf({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }), /must be http\/protobuf/);
    assert.match(problemsOf({ OTEL_RESOURCE_ATTRIBUTES: 'a=b,c' }), /must look like name=value/);
    assert.equal(problemsOf({ OTEL_RESOURCE_ATTRIBUTES: 'a=b,c=d e' }), '');
  });

  it('take a key in base64 as a header, and never show it', () => {
    assert.equal(problemsOf({ OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20c2VjcmV0==' }), '');
    const problem = problemsOf({ OTEL_EXPORTER_OTLP_HEADERS: 'c2VjcmV0' });
    assert.match(problem, /OTEL_EXPORTER_OTLP_HEADERS: must look like/);
    assert.ok(!problem.includes('c2VjcmV0'));
  });
});
