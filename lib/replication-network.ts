import {
  GatewayVpcEndpoint,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpoint,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import type { IConnectable, ISubnet, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { asVpc } from './as-interface.ts';

export interface ReplicationNetworkProps {
  /** VPC that reaches the databases. @default - a new one of two zones without internet access */
  readonly vpc?: IVpc;
  /** Subnets that functions run in. @default - isolated subnets of a new VPC, private ones of an existing VPC */
  readonly vpcSubnets?: SubnetSelection;
  /** Whether gateway endpoints of S3 and DynamoDB are made in the subnets' route tables. They cost nothing. @default - true for a new VPC, false for an existing one */
  readonly gatewayEndpoints?: boolean;
  /** Whether an interface endpoint of Secrets Manager is made, at about $7 a month per zone. @default false */
  readonly secretsEndpoint?: boolean;
}

/** Where functions run, and how they reach S3, DynamoDB and, if asked for, Secrets Manager without the internet. */
export class ReplicationNetwork extends Construct {
  readonly vpc: IVpc;
  readonly subnets: readonly ISubnet[];
  /** Zones that interface endpoints are paid for in. */
  readonly interfaceEndpointZones: number;
  readonly #secretsEndpoint: InterfaceVpcEndpoint | undefined;

  constructor(scope: Construct, id: string, props: ReplicationNetworkProps = {}) {
    super(scope, id);
    const isNew = props.vpc === undefined;
    this.vpc = props.vpc ?? asVpc(this.#newVpc());
    const selection = props.vpcSubnets ?? { subnetType: isNew ? SubnetType.PRIVATE_ISOLATED : SubnetType.PRIVATE_WITH_EGRESS };
    this.subnets = this.vpc.selectSubnets(selection).subnets;
    const subnets = [...this.subnets];
    if (props.gatewayEndpoints ?? isNew) {
      for (const [name, service] of [
        ['S3', GatewayVpcEndpointAwsService.S3],
        ['DynamoDb', GatewayVpcEndpointAwsService.DYNAMODB],
      ] as const)
        new GatewayVpcEndpoint(this, name, { vpc: this.vpc, service, subnets: [{ subnets }] });
    }
    this.interfaceEndpointZones = props.secretsEndpoint === true ? subnets.length : 0;
    if (props.secretsEndpoint === true) {
      const service = InterfaceVpcEndpointAwsService.SECRETS_MANAGER;
      this.#secretsEndpoint = new InterfaceVpcEndpoint(this, 'Secrets', {
        vpc: this.vpc,
        service,
        subnets: { subnets },
        open: false,
      });
    }
  }

  /** Lets functions through to the endpoints that were made here. */
  allowFrom(other: IConnectable): void {
    this.#secretsEndpoint?.connections.allowDefaultPortFrom(other, 'functions');
  }

  #newVpc(): Vpc {
    return new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr('10.117.0.0/24'),
      maxAzs: 2,
      natGateways: 0,
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [{ name: 'functions', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 26 }],
    });
  }
}
