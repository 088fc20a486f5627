import { isArray, isObject, objectAt, parseJson, textAt } from './json.ts';
import type { Json, JsonObject } from './json.ts';

export interface StackIdentity {
  readonly account: string;
  readonly region: string;
  readonly stack: string;
}

export interface Resource {
  readonly id: string;
  readonly type: string;
  /** With references resolved. */
  readonly properties: JsonObject;
}

/** Property that gives a resource its name, by type; without it CloudFormation makes one up. */
const NAMES: Readonly<Record<string, string>> = {
  'AWS::S3::Bucket': 'BucketName',
  'AWS::DynamoDB::Table': 'TableName',
  'AWS::DynamoDB::GlobalTable': 'TableName',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::StepFunctions::StateMachine': 'StateMachineName',
  'AWS::IAM::Role': 'RoleName',
  'AWS::Events::Rule': 'Name',
  'AWS::Events::EventBus': 'Name',
  'AWS::SNS::Topic': 'TopicName',
  'AWS::SQS::Queue': 'QueueName',
  'AWS::Logs::LogGroup': 'LogGroupName',
  'AWS::Scheduler::Schedule': 'Name',
  'AWS::Scheduler::ScheduleGroup': 'Name',
  'AWS::CloudWatch::Alarm': 'AlarmName',
  'AWS::CloudWatch::Dashboard': 'DashboardName',
};

/** ARN by type; `NAME` stands for the resource's name. */
const ARNS: Readonly<Record<string, string>> = {
  'AWS::S3::Bucket': 'arn:aws:s3:::NAME',
  'AWS::DynamoDB::Table': 'arn:aws:dynamodb:REGION:ACCOUNT:table/NAME',
  'AWS::DynamoDB::GlobalTable': 'arn:aws:dynamodb:REGION:ACCOUNT:table/NAME',
  'AWS::Lambda::Function': 'arn:aws:lambda:REGION:ACCOUNT:function:NAME',
  'AWS::StepFunctions::StateMachine': 'arn:aws:states:REGION:ACCOUNT:stateMachine:NAME',
  'AWS::IAM::Role': 'arn:aws:iam::ACCOUNT:role/NAME',
  'AWS::Events::Rule': 'arn:aws:events:REGION:ACCOUNT:rule/NAME',
  'AWS::Events::EventBus': 'arn:aws:events:REGION:ACCOUNT:event-bus/NAME',
  'AWS::SNS::Topic': 'arn:aws:sns:REGION:ACCOUNT:NAME',
  'AWS::SQS::Queue': 'arn:aws:sqs:REGION:ACCOUNT:NAME',
  'AWS::Logs::LogGroup': 'arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*',
  'AWS::Scheduler::Schedule': 'arn:aws:scheduler:REGION:ACCOUNT:schedule/default/NAME',
  'AWS::Scheduler::ScheduleGroup': 'arn:aws:scheduler:REGION:ACCOUNT:schedule-group/NAME',
  'AWS::KMS::Key': 'arn:aws:kms:REGION:ACCOUNT:key/NAME',
  'AWS::CloudWatch::Alarm': 'arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME',
};
/** Types whose `Ref` is their ARN; of all others it is their name. */
const REF_IS_ARN = new Set(['AWS::StepFunctions::StateMachine', 'AWS::SNS::Topic', 'AWS::SecretsManager::Secret']);

/** A synthesized template with its references resolved as CloudFormation would. What is not understood throws. */
export class Template {
  readonly identity: StackIdentity;
  readonly #document: JsonObject;
  readonly #resources: JsonObject;

  constructor(text: string, identity: StackIdentity) {
    const document = parseJson(text);
    if (!isObject(document)) throw new Error('The template is no object');
    this.#document = document;
    this.#resources = objectAt(document, 'Resources');
    this.identity = identity;
  }

  /** Resources of a type, in the order of the template; those whose condition does not hold are left out. */
  all(type: string): readonly Resource[] {
    return Object.entries(this.#resources).flatMap(([id, resource]) => {
      if (!isObject(resource) || resource['Type'] !== type) return [];
      const { Condition: condition } = resource;
      if (typeof condition === 'string' && !this.#holds(condition)) return [];
      return [{ id, type, properties: this.#object(resource['Properties'] ?? {}) }];
    });
  }

  /** The resource of a type. Throws if there are several or none. */
  only(type: string): Resource {
    const [first, ...others] = this.all(type);
    if (first === undefined || others.length > 0)
      throw new Error(`The template has ${others.length + (first ? 1 : 0)} of ${type}`);
    return first;
  }

  name(id: string): string {
    const resource = objectAt(this.#resources, id);
    const type = textAt(resource, 'Type');
    const given = isObject(resource['Properties']) ? resource['Properties'][NAMES[type] ?? ''] : undefined;
    const resolved = given === undefined ? undefined : this.resolve(given);
    if (typeof resolved === 'string') return resolved;
    const name = `${this.identity.stack}-${id}`;
    return type === 'AWS::S3::Bucket' ? name.toLowerCase() : name;
  }

  arn(id: string): string {
    const type = textAt(objectAt(this.#resources, id), 'Type');
    const pattern = ARNS[type];
    if (pattern === undefined) throw new Error(`This harness knows no ARN of ${type}`);
    const { region, account } = this.identity;
    return pattern
      .replace('REGION', region)
      .replace('ACCOUNT', account)
      .replace('NAME', () => this.name(id));
  }

  /** A value with its intrinsic functions carried out; undefined where it is `AWS::NoValue`. */
  resolve(value: Json): Json | undefined {
    if (isArray(value)) return value.flatMap((entry) => this.resolve(entry) ?? []);
    if (!isObject(value)) return value;
    const [name, ...others] = Object.keys(value);
    if (name !== undefined && others.length === 0 && (name === 'Ref' || name.startsWith('Fn::'))) {
      return this.#intrinsic(name, value[name] ?? null);
    }
    return this.#object(value);
  }

  #object(value: Json): JsonObject {
    if (!isObject(value)) throw new Error('no object');
    return Object.fromEntries(
      Object.entries(value).flatMap(([name, entry]) => {
        const resolved = this.resolve(entry);
        return resolved === undefined ? [] : [[name, resolved] as const];
      }),
    );
  }

  #intrinsic(name: string, argument: Json): Json | undefined {
    const list = (): readonly Json[] => {
      if (!isArray(argument)) throw new Error(`${name} takes a list`);
      return argument;
    };
    const text = (value: Json | undefined): string => {
      const resolved = value === undefined ? undefined : this.resolve(value);
      if (typeof resolved === 'string' || typeof resolved === 'number') return String(resolved);
      throw new Error(`${name}: ${JSON.stringify(resolved)} is no text`);
    };
    const items = (value: Json | undefined): readonly Json[] => {
      const resolved = value === undefined ? undefined : this.resolve(value);
      if (!isArray(resolved)) throw new Error(`${name}: no list`);
      return resolved;
    };
    switch (name) {
      case 'Ref':
        return this.#ref(text(argument));
      case 'Fn::GetAtt':
        return typeof argument === 'string'
          ? this.#attribute(...split(argument))
          : this.#attribute(text(list()[0]), text(list()[1]));
      case 'Fn::Join':
        return items(list()[1])
          .map((part) => text(part))
          .join(text(list()[0]));
      case 'Fn::Split':
        return text(list()[1]).split(text(list()[0]));
      case 'Fn::Select':
        return items(list()[1])[Number(text(list()[0]))];
      case 'Fn::Sub':
        return this.#substitute(argument);
      case 'Fn::If':
        return this.resolve((this.#holds(text(list()[0])) ? list()[1] : list()[2]) ?? null);
      default:
        throw new Error(`This harness does not know ${name}`);
    }
  }

  #ref(name: string): Json | undefined {
    const { account, region, stack } = this.identity;
    switch (name) {
      case 'AWS::AccountId':
        return account;
      case 'AWS::Region':
        return region;
      case 'AWS::Partition':
        return 'aws';
      case 'AWS::URLSuffix':
        return 'amazonaws.com';
      case 'AWS::StackName':
        return stack;
      case 'AWS::StackId':
        return `arn:aws:cloudformation:${region}:${account}:stack/${stack}/0`;
      case 'AWS::NoValue':
        return undefined;
    }
    const parameters = this.#document['Parameters'];
    const parameter = isObject(parameters) ? parameters[name] : undefined;
    if (isObject(parameter)) return parameter['Default'] ?? '';
    const type = textAt(objectAt(this.#resources, name), 'Type');
    return REF_IS_ARN.has(type) ? this.arn(name) : this.name(name);
  }

  #attribute(id: string, attribute: string): Json {
    switch (attribute) {
      case 'Arn':
      case 'TopicArn':
        return this.arn(id);
      case 'Name':
      case 'QueueName':
      case 'TopicName':
        return this.name(id);
      case 'GroupId':
        return `sg-${Buffer.from(id).toString('hex').slice(0, 17)}`;
      default:
        // Attributes of the network: nothing in here looks at them.
        return `${id}.${attribute}`;
    }
  }

  #substitute(argument: Json): string {
    const [pattern, given] = isArray(argument) ? argument : [argument];
    const values = given ?? {};
    if (typeof pattern !== 'string' || !isObject(values)) throw new Error('Fn::Sub takes a text');
    return pattern.replaceAll(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
      if (literal === '!') return `\${${name}}`;
      const given = values[name];
      const value =
        given !== undefined ? this.resolve(given) : name.includes('.') ? this.#attribute(...split(name)) : this.#ref(name);
      return typeof value === 'string' ? value : JSON.stringify(value);
    });
  }

  #holds(condition: string): boolean {
    const evaluate = (value: Json | undefined): boolean => {
      if (!isObject(value)) throw new Error(`no condition ${condition}`);
      const [name = ''] = Object.keys(value);
      const argument = value[name];
      const parts = isArray(argument) ? argument : [];
      switch (name) {
        case 'Fn::Equals':
          return this.resolve(parts[0] ?? null) === this.resolve(parts[1] ?? null);
        case 'Fn::And':
          return parts.every(evaluate);
        case 'Fn::Or':
          return parts.some(evaluate);
        case 'Fn::Not':
          return !evaluate(parts[0]);
        case 'Condition':
          return this.#holds(textAt(value, 'Condition'));
        default:
          throw new Error(`This harness does not know the condition ${name}`);
      }
    };
    return evaluate(objectAt(this.#document, 'Conditions')[condition]);
  }
}

function split(path: string): [string, string] {
  const dot = path.indexOf('.');
  return [path.slice(0, dot), path.slice(dot + 1)];
}
