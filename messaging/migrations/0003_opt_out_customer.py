from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('customers', '0007_exports'),
        ('messaging', '0002_opt_outs'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='optout',
            index=models.Index(fields=['customer', '-at'], name='opt_out_customer'),
        ),
    ]
